package server

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// keyToProto gives a key's record as callers see it: never with a digest.
func keyToProto(k *storage.Key, now time.Time) *pb.Key {
	out := &pb.Key{
		Id:           k.ID,
		TenantId:     k.TenantID,
		UserId:       k.UserID,
		DisplayName:  k.DisplayName,
		Scopes:       k.Scopes,
		Labels:       k.Labels,
		StartTime:    timeToProto(k.StartTime),
		ExpireTime:   timeToProto(k.ExpireTime),
		State:        pb.Key_State(pb.Key_State_value[string(k.State)]),
		RevokeReason: pb.Key_RevokeReason(pb.Key_RevokeReason_value[string(k.RevokeReason)]),
		RevokeNote:   k.RevokeNote,
		RevokeTime:   timeToProto(k.RevokeTime),
		Etag:         etag(k.Version),
		CreateTime:   timeToProto(k.CreateTime),
		UpdateTime:   timeToProto(k.UpdateTime),
		DeleteTime:   timeToProto(k.DeleteTime),
		SecretPrefix: k.SecretPrefix,
		RateLimits:   rateLimitsToProto(&k.Limits),
		Quotas:       quotasToProto(&k.Limits),
	}
	for _, n := range k.AllowedCIDRs {
		out.AllowedCidrs = append(out.AllowedCidrs, n.String())
	}
	for _, api := range k.APIs {
		out.Apis = append(out.Apis, apiName(api, k.TenantID))
	}
	if k.CreatedBy != (storage.UserRef{}) {
		out.CreatedBy = k.CreatedBy.TenantID + "/" + k.CreatedBy.ID
	}
	if len(k.Secrets) > 0 {
		out.CurrentSecret = secretToProto(&k.Secrets[0])
	}
	if len(k.Secrets) > 1 && now.Before(k.Secrets[1].EndTime) {
		out.PreviousSecret = secretToProto(&k.Secrets[1])
	}
	return out
}

// apiName writes an API as a key of a tenant names it.
func apiName(ref storage.APIRef, own string) string {
	if ref.TenantID == own {
		return ref.ID
	}
	return ref.TenantID + "/" + ref.ID
}

func secretToProto(s *storage.Secret) *pb.SecretInfo {
	return &pb.SecretInfo{
		Prefix: s.Prefix, LastFour: s.LastFour,
		CreateTime: timeToProto(s.CreateTime), EndTime: timeToProto(s.EndTime),
	}
}

func tenantToProto(t *storage.Tenant) *pb.Tenant {
	return &pb.Tenant{
		Id: t.ID, DisplayName: t.DisplayName, State: pb.Tenant_State(pb.Tenant_State_value[string(t.State)]),
		SecretPrefix: t.SecretPrefix, Etag: etag(t.Version), Hosts: t.Hosts, KeyPolicy: keyPolicyToProto(&t.KeyPolicy),
		CreateTime: timeToProto(t.CreateTime), UpdateTime: timeToProto(t.UpdateTime), DeleteTime: timeToProto(t.DeleteTime),
		RateLimits: rateLimitsToProto(&t.Limits), Quotas: quotasToProto(&t.Limits),
	}
}

func userToProto(u *storage.User) *pb.User {
	return &pb.User{
		Id: u.ID, TenantId: u.TenantID, DisplayName: u.DisplayName,
		Kind: pb.User_Kind(pb.User_Kind_value[string(u.Kind)]), State: pb.User_State(pb.User_State_value[string(u.State)]),
		Roles: u.Roles, Etag: etag(u.Version),
		CreateTime: timeToProto(u.CreateTime), UpdateTime: timeToProto(u.UpdateTime), DeleteTime: timeToProto(u.DeleteTime),
		RateLimits: rateLimitsToProto(&u.Limits), Quotas: quotasToProto(&u.Limits),
	}
}

// etag stands for a record's version.
func etag(version int64) string { return strconv.FormatInt(version, 10) }

// timeToProto leaves an absent time absent.
func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// timeFromProto cuts to what the store keeps.
func timeFromProto(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime().Truncate(time.Microsecond)
}
