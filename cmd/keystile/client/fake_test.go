package client_test

import (
	"context"
	"strconv"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const (
	keyID      = "key_0123456789abcdefghjkmnpqrs"
	adminKey   = "ks_administrator0000000000000000000000000"
	newSecret  = "ks_brandnewsecret000000000000000000000000"
	goodSecret = "ks_goodsecret0000000000000000000000000000"
)

func at(text string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return timestamppb.New(t)
}

func exampleKey() *pb.Key {
	return &pb.Key{
		Id: keyID, TenantId: "acme", UserId: "ada", DisplayName: "ci", State: pb.Key_ACTIVE,
		Scopes: []string{"orders.read", "catalog.*"}, AllowedCidrs: []string{"203.0.113.0/24"},
		Labels: map[string]string{"team": "web", "env": "prod"}, ExpireTime: at("2027-01-01T00:00:00Z"),
		CurrentSecret: &pb.SecretInfo{Prefix: "ks", LastFour: "Ab3d", CreateTime: at("2026-11-01T08:00:00Z")},
		Etag:          "e1", CreateTime: at("2026-11-01T08:00:00Z"), UpdateTime: at("2026-11-01T08:00:00Z"), CreatedBy: "acme/boss",
	}
}

// fake is a server that answers what a test wants, and remembers what it was
// asked. With err set, every call fails with it.
type fake struct {
	pb.UnimplementedKeyServiceServer
	pb.UnimplementedDirectoryServiceServer
	pb.UnimplementedAuditServiceServer

	mu    sync.Mutex
	err   error
	fails int // how many calls fail with err; negative is all
	asked []proto.Message
	who   []string

	manage *pb.ManageKeyResponse
	check  *pb.CheckKeyResponse
	// answer takes check's place where it is set.
	answer func(*pb.CheckKeyRequest) (*pb.CheckKeyResponse, error)
	verify []*pb.VerifyAuditChainResponse
	policy *pb.KeyPolicy // of the tenant that is read
	told   *pb.ExplainResponse
	// imports answers the imports one after the other; nil takes them all.
	imports []error
	force   *pb.Propagation // where the writes are in force
	more    string          // the token behind a directory list
	total   int             // of keys and audit events to list
	delay   time.Duration
}

func (f *fake) note(ctx context.Context, in proto.Message) error {
	time.Sleep(f.delay)
	f.mu.Lock()
	defer f.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	f.who = append(f.who, append(md.Get("authorization"), "")[0])
	f.asked = append(f.asked, in)
	if f.err != nil && f.fails != 0 {
		f.fails--
		return f.err
	}
	return nil
}

// last is what was asked last.
func (f *fake) last() proto.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		return nil
	}
	return f.asked[len(f.asked)-1]
}

func (f *fake) ManageKey(ctx context.Context, in *pb.ManageKeyRequest) (*pb.ManageKeyResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	if f.manage != nil && f.force != nil {
		f.manage.Propagation = f.force
	}
	return f.manage, nil
}

func (f *fake) CheckKey(ctx context.Context, in *pb.CheckKeyRequest) (*pb.CheckKeyResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	if f.answer != nil {
		return f.answer(in)
	}
	return f.check, nil
}

func (f *fake) GetKey(ctx context.Context, in *pb.GetKeyRequest) (*pb.GetKeyResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	return &pb.GetKeyResponse{Key: exampleKey()}, nil
}

func (f *fake) GetKeyLimits(ctx context.Context, in *pb.GetKeyLimitsRequest) (*pb.GetKeyLimitsResponse, error) {
	return &pb.GetKeyLimitsResponse{Limits: standing()}, f.note(ctx, in)
}

func (f *fake) ResetKeyLimits(ctx context.Context, in *pb.ResetKeyLimitsRequest) (*pb.ResetKeyLimitsResponse, error) {
	return &pb.ResetKeyLimitsResponse{Limits: standing()}, f.note(ctx, in)
}

func (f *fake) GrantKeyCredits(ctx context.Context, in *pb.GrantKeyCreditsRequest) (*pb.GrantKeyCreditsResponse, error) {
	return &pb.GrantKeyCreditsResponse{Limit: standing()[1]}, f.note(ctx, in)
}

func (f *fake) ImportKeys(ctx context.Context, in *pb.ImportKeysRequest) (*pb.ImportKeysResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	if len(f.imports) > 0 {
		err := f.imports[0]
		f.imports = f.imports[1:]
		if err != nil {
			return nil, err
		}
	}
	out := &pb.ImportKeysResponse{Revision: "9", Propagation: f.force}
	for i := range in.GetKeys() {
		out.KeyIds = append(out.KeyIds, "key_"+strconv.Itoa(i))
	}
	return out, nil
}

func (f *fake) WhoAmI(ctx context.Context, in *pb.WhoAmIRequest) (*pb.WhoAmIResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	return &pb.WhoAmIResponse{
		Identity:   allowed().GetIdentity(),
		ExpireTime: at("2026-12-01T00:00:00Z"), Warnings: allowed().GetWarnings(), Apis: []string{"orders", "acme/billing"},
	}, nil
}

func (f *fake) RevokeSelf(ctx context.Context, in *pb.RevokeSelfRequest) (*pb.RevokeSelfResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	k := exampleKey()
	k.State, k.RevokeReason, k.RevokeTime = pb.Key_REVOKED, pb.Key_KEY_COMPROMISE, at("2026-11-24T12:00:00Z")
	return &pb.RevokeSelfResponse{Key: k, Propagation: f.force}, nil
}

// page gives the records first to last of a page, and the token of the next.
func (f *fake) page(size int32, token string) (first, last int, next string) {
	first, _ = strconv.Atoi(token)
	last = min(first+int(size), f.total)
	if last < f.total {
		next = strconv.Itoa(last)
	}
	return first, last, next
}

func (f *fake) ListKeys(ctx context.Context, in *pb.ListKeysRequest) (*pb.ListKeysResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	first, last, next := f.page(in.GetPageSize(), in.GetPageToken())
	out := &pb.ListKeysResponse{NextPageToken: next}
	for i := first; i < last; i++ {
		k := exampleKey()
		k.Id = "key_" + strconv.Itoa(i)
		if i == 0 {
			k.LastUsedTime = at("2026-11-20T10:00:00Z")
		}
		out.Keys = append(out.Keys, k)
	}
	return out, nil
}

func (f *fake) ListAuditEvents(ctx context.Context, in *pb.ListAuditEventsRequest) (*pb.ListAuditEventsResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	first, last, next := f.page(in.GetPageSize(), in.GetPageToken())
	out := &pb.ListAuditEventsResponse{NextPageToken: next}
	for i := first; i < last; i++ {
		out.AuditEvents = append(out.AuditEvents, &pb.AuditEvent{
			TenantId: "acme", Sequence: int64(f.total - i), Time: at("2026-11-02T09:30:00Z"),
			Actor: &pb.AuditActor{TenantId: "acme", UserId: "boss", KeyId: keyID}, Action: "keystile.keys.create",
			Target: &pb.AuditTarget{Kind: "key", TenantId: "acme", Id: keyID}, Outcome: pb.AuditEvent_DONE, Count: 1,
			SourceAddress: "192.0.2.1", RequestId: "req-1", Hash: "00ff",
		})
	}
	return out, nil
}

func (f *fake) VerifyAuditChain(ctx context.Context, in *pb.VerifyAuditChainRequest) (*pb.VerifyAuditChainResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	out := f.verify[0]
	f.verify = f.verify[1:]
	return out, nil
}

func (f *fake) GetAuditHead(ctx context.Context, in *pb.GetAuditHeadRequest) (*pb.GetAuditHeadResponse, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	return &pb.GetAuditHeadResponse{Head: &pb.AuditLink{Sequence: 42, Hash: "c0ffee"}}, nil
}

// ourError is an error as the server makes it.
func ourError(code codes.Code, reason string, more ...protoadapt.MessageV1) error {
	details := append([]protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: reason, Domain: "keystile", Metadata: map[string]string{"remedy": "Do it otherwise."}},
		&errdetails.RequestInfo{RequestId: "req-7"},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Url: "https://example.com/errors.md#reason"}}},
	}, more...)
	s, err := status.New(code, "it did not work").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return s.Err()
}

func unavailable() error { return ourError(codes.Unavailable, "STORE_UNAVAILABLE") }
