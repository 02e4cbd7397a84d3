package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// startKeystile starts the real server on an empty embedded store, issues a
// key, and gives the request that checks it and the answer to that, encoded.
func startKeystile(ctx context.Context, binary, work string, pinned bool) (s *server, request, answer []byte, err error) {
	var addresses [3]string
	for i := range addresses {
		if addresses[i], err = freeAddress(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	bootstrap := filepath.Join(work, "bootstrap-key")
	s, err = startServer(ctx, "keystile", addresses[0], work, pinned, binary, "serve",
		"--data-dir", filepath.Join(work, "data"),
		"--grpc-listen", addresses[0], "--http-listen", addresses[1], "--ops-listen", addresses[2],
		"--bootstrap-key-file", bootstrap)
	if err != nil {
		return nil, nil, nil, err
	}
	request, answer, err = prepare(ctx, addresses[0], bootstrap)
	if err != nil {
		s.stop()
		return nil, nil, nil, s.failure(err)
	}
	return s, request, answer, nil
}

// startBare starts this program as the server to compare with.
func startBare(ctx context.Context, answer []byte, work string, pinned bool) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(work, "answer")
	if err := os.WriteFile(file, answer, 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return startServer(ctx, "bare", address, work, pinned, self, "-bare", file, "-listen", address)
}

// prepare issues a developer's key with the first admin secret and asks once
// about the permission that the load will ask about.
func prepare(ctx context.Context, address, bootstrap string) (request, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	secret, err := os.ReadFile(bootstrap)
	if err != nil {
		return nil, nil, fmt.Errorf("the first admin secret: %w", err)
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = connection.Close() }()

	admin := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(secret)))
	directory := keystilev1.NewDirectoryServiceClient(connection)
	keys := keystilev1.NewKeyServiceClient(connection)
	_, err = directory.CreateTenant(admin, &keystilev1.CreateTenantRequest{
		Tenant: &keystilev1.Tenant{Id: "bench", DisplayName: "Bench"},
	}, grpc.WaitForReady(true))
	if err != nil {
		return nil, nil, fmt.Errorf("creating a tenant: %w", err)
	}
	_, err = directory.CreateUser(admin, &keystilev1.CreateUserRequest{
		User: &keystilev1.User{Id: "ada", TenantId: "bench", Kind: keystilev1.User_PERSON, Roles: []string{"developer"}},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("creating a user: %w", err)
	}
	issued, err := keys.ManageKey(admin, &keystilev1.ManageKeyRequest{
		Operation: &keystilev1.ManageKeyRequest_Create{Create: &keystilev1.CreateKey{
			Key: &keystilev1.Key{TenantId: "bench", UserId: "ada", DisplayName: "load"},
		}},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("issuing a key: %w", err)
	}
	check := &keystilev1.CheckKeyRequest{Key: issued.GetSecret(), Permission: "orders.read", ClientIp: "203.0.113.7"}
	verdict, err := keys.CheckKey(ctx, check)
	if err != nil {
		return nil, nil, fmt.Errorf("checking the key: %w", err)
	}
	if !verdict.GetAllowed() {
		return nil, nil, fmt.Errorf("the key to be checked is refused: %s", verdict.GetReason())
	}
	if request, err = proto.Marshal(check); err != nil {
		return nil, nil, err
	}
	answer, err = proto.Marshal(verdict)
	return request, answer, err
}
