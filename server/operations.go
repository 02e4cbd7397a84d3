package server

import (
	"context"
	"fmt"
	"slices"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// operationOf gives the operation that a request chose.
func operationOf(req *pb.ManageKeyRequest) (operation, error) {
	switch op := req.GetOperation().(type) {
	case *pb.ManageKeyRequest_Create:
		return createKey{op.Create}, nil
	case *pb.ManageKeyRequest_Update:
		return updateKey{op.Update}, nil
	case *pb.ManageKeyRequest_Rotate:
		return rotateKey{op.Rotate}, nil
	case *pb.ManageKeyRequest_Revoke:
		return revokeKey{op.Revoke}, nil
	case *pb.ManageKeyRequest_Disable:
		return disableKey{op.Disable}, nil
	case *pb.ManageKeyRequest_Enable:
		return enableKey{op.Enable}, nil
	case *pb.ManageKeyRequest_Delete:
		return deleteKey{op.Delete}, nil
	}
	var v violations
	v.add("operation", "is required: one of create, update, rotate, revoke, disable, enable, delete")
	return nil, v.err()
}

// existingSubject finds out whose key an id names.
func existingSubject(ctx context.Context, s *Service, id string) (subject, error) {
	key, err := s.store.GetKey(ctx, id)
	if err != nil {
		return subject{}, namedNotFound(fmt.Errorf("reading the key: %w", err), "key")
	}
	return subject{user: key.User(), keyID: id}, nil
}

// copyKey gives a key that can be changed without changing the one before.
func copyKey(k *storage.Key) *storage.Key {
	out := *k
	out.Secrets = slices.Clone(k.Secrets)
	return &out
}

// notRevoked wants a key that has a future.
func notRevoked(k *storage.Key, what string) error {
	if k.State == storage.KeyRevoked {
		return precondition("the key is REVOKED, which is final; it can't be %s", what)
	}
	return nil
}
