package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// furnish makes, with the first admin secret, a tenant with a host, an API with
// routes, a developer and a key, and gives the key's secret.
func furnish(ctx context.Context, address, bootstrap string) (secret string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	first, err := os.ReadFile(bootstrap)
	if err != nil {
		return "", fmt.Errorf("the first admin secret: %w", err)
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", err
	}
	defer func() { _ = connection.Close() }()

	admin := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(first)))
	directory := keystilev1.NewDirectoryServiceClient(connection)
	_, err = directory.CreateTenant(admin, &keystilev1.CreateTenantRequest{
		Tenant: &keystilev1.Tenant{Id: "bench", DisplayName: "Bench", Hosts: []string{callHost}},
	}, grpc.WaitForReady(true))
	if err != nil {
		return "", fmt.Errorf("creating a tenant: %w", err)
	}
	_, err = directory.CreateApi(admin, &keystilev1.CreateApiRequest{
		Api: &keystilev1.Api{Id: "orders", TenantId: "bench", Routes: []*keystilev1.Route{
			{Hosts: []string{callHost}, Methods: []string{"GET", "POST"}, Path: "/orders"},
			{Hosts: []string{callHost}, Methods: []string{"GET"}, Path: "/orders/{id}"},
			{Hosts: []string{callHost}, Methods: []string{"PATCH", "DELETE"}, Path: "/orders/{id}"},
			{Hosts: []string{callHost}, Methods: []string{"GET"}, Path: "/orders/{id}/items/{item}"},
		}},
	})
	if err != nil {
		return "", fmt.Errorf("creating an API: %w", err)
	}
	_, err = directory.CreateUser(admin, &keystilev1.CreateUserRequest{
		User: &keystilev1.User{Id: "ada", TenantId: "bench", Kind: keystilev1.User_PERSON, Roles: []string{"developer"}},
	})
	if err != nil {
		return "", fmt.Errorf("creating a user: %w", err)
	}
	issued, err := keystilev1.NewKeyServiceClient(connection).ManageKey(admin, &keystilev1.ManageKeyRequest{
		Operation: &keystilev1.ManageKeyRequest_Create{Create: &keystilev1.CreateKey{
			Key: &keystilev1.Key{TenantId: "bench", UserId: "ada", DisplayName: "load"},
		}},
	})
	if err != nil {
		return "", fmt.Errorf("issuing a key: %w", err)
	}
	return issued.GetSecret(), nil
}
