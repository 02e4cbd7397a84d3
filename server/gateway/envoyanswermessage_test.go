package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/keystile/keystile/server/access"
)

// messageOf is the message that AnswerEnvoy has to encode, made the plain way.
func messageOf(call *Call, r *Reply, names *Names, o *Options) *authv3.CheckResponse {
	out := &authv3.CheckResponse{DynamicMetadata: metadataOf(r)}
	if !r.Verdict.Allowed() {
		out.Status = &rpcstatus.Status{Code: int32(refusalCode(r.Verdict.Reason))}
		out.HttpResponse = &authv3.CheckResponse_DeniedResponse{DeniedResponse: deniedOf(r, names)}
		return out
	}
	out.Status = &rpcstatus.Status{Code: int32(codes.OK)}
	out.HttpResponse = &authv3.CheckResponse_OkResponse{OkResponse: okOf(call, r, names, o)}
	return out
}

func okOf(call *Call, r *Reply, names *Names, o *Options) *authv3.OkHttpResponse {
	out := &authv3.OkHttpResponse{}
	set := newHeaders(len(names.lower) + 1)
	for i, h := range r.identity(names) {
		set.overwrite(names.lower[i], h.Value)
	}
	out.HeadersToRemove = make([]string, 0, 3+len(names.underscored)+len(call.Forged))
	out.HeadersToRemove = append(out.HeadersToRemove, call.Carriers.headers()...)
	if call.Carriers.Has(InCookie) {
		if call.Cookies == "" {
			out.HeadersToRemove = append(out.HeadersToRemove, headerCookie)
		} else {
			set.overwrite(headerCookie, call.Cookies)
		}
	}
	if call.Carriers.Has(InQuery) {
		out.QueryParametersToRemove = []string{o.CredentialQuery}
	}
	out.HeadersToRemove = appendForged(out.HeadersToRemove, call, names)
	out.Headers = set.list
	for _, h := range r.lifecycle() {
		out.ResponseHeadersToAdd = append(out.ResponseHeadersToAdd, overwrite(strings.ToLower(h.Name), h.Value))
	}
	for _, h := range r.limitHeaders() {
		out.ResponseHeadersToAdd = append(out.ResponseHeadersToAdd, overwrite(strings.ToLower(h.Name), h.Value))
	}
	return out
}

// appendForged names the client's headers that an upstream could take for identity
// headers, but for those that are overwritten. The commonest other spelling is
// named in any case, as Envoy may have been told not to show all headers.
func appendForged(out []string, call *Call, names *Names) []string {
	out = append(out, names.underscored[:]...)
	for _, name := range call.Forged {
		name = strings.ToLower(name)
		if !slices.Contains(names.lower[:], name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// headers makes many headers with few allocations.
type headers struct {
	list    []*corev3.HeaderValueOption
	options []corev3.HeaderValueOption
	values  []corev3.HeaderValue
}

func newHeaders(most int) *headers {
	return &headers{
		make([]*corev3.HeaderValueOption, 0, most), make([]corev3.HeaderValueOption, most), make([]corev3.HeaderValue, most),
	}
}

// overwrite adds a header that is set in place of the client's own.
func (h *headers) overwrite(name, value string) {
	i := len(h.list)
	v, o := &h.values[i], &h.options[i]
	v.Key, v.Value = name, value
	o.Header, o.AppendAction, o.KeepEmptyValue = v, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD, true
	h.list = append(h.list, o)
}

// overwrite sets a header in place of the client's own. append stays unset, as
// releases of Envoy that don't know append_action go by it.
func overwrite(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:         &corev3.HeaderValue{Key: name, Value: value},
		AppendAction:   corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		KeepEmptyValue: true,
	}
}

func deniedOf(r *Reply, names *Names) *authv3.DeniedHttpResponse {
	p := r.problem(r.status())
	body, status := p.JSON()
	out := &authv3.DeniedHttpResponse{
		Status: &typev3.HttpStatus{Code: typev3.StatusCode(status)},
		Body:   string(body),
		Headers: []*corev3.HeaderValueOption{
			overwrite("content-type", "application/problem+json"),
			overwrite("cache-control", "no-store"),
			overwrite(strings.ToLower(HeaderReason), p.Reason),
			overwrite(strings.ToLower(names.Decision), r.DecisionID),
		},
	}
	if status == http.StatusUnauthorized {
		out.Headers = append(out.Headers, overwrite("www-authenticate", p.Challenge()))
	}
	if r.Limit.Retry > 0 {
		seconds := max(1, int64((r.Limit.Retry+time.Second-1)/time.Second))
		out.Headers = append(out.Headers, overwrite("retry-after", strconv.FormatInt(seconds, 10)))
	}
	for _, h := range r.limitHeaders() {
		out.Headers = append(out.Headers, overwrite(strings.ToLower(h.Name), h.Value))
	}
	return out
}

// dynamicMetadata is for Envoy's access log and its later filters. Of a refused
// call it holds ids alone, and none when the key is not known.
func metadataOf(r *Reply) *structpb.Struct {
	fields := map[string]*structpb.Value{
		"reason":      structpb.NewStringValue(r.Verdict.Reason.String()),
		"decision_id": structpb.NewStringValue(r.DecisionID),
	}
	if r.Grant != nil && r.Grant.Key != nil && r.Verdict.Reason.Identified() {
		fields["tenant"] = structpb.NewStringValue(r.Grant.Key.TenantID)
		fields["user"] = structpb.NewStringValue(r.Grant.Key.UserID)
		fields["key_id"] = structpb.NewStringValue(r.Grant.Key.ID)
	}
	if r.Grant != nil && r.Grant.Target.API != nil && r.Verdict.Reason.Identified() && r.Verdict.Reason != access.RequestMalformed {
		fields["api_tenant"] = structpb.NewStringValue(r.Grant.Target.API.TenantID)
		fields["api"] = structpb.NewStringValue(r.Grant.Target.API.ID)
		fields["route"] = structpb.NewStringValue(r.Grant.Target.Pattern)
	}
	return &structpb.Struct{Fields: fields}
}
