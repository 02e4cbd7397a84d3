package server_test

import (
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// The door's own description of its service is the one that clients find.
func TestEnvoyDoorIsDescribed(t *testing.T) {
	h := newHouse(t, houseOptions{})
	stream, err := reflectionpb.NewServerReflectionClient(h.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []*reflectionpb.ServerReflectionRequest{
		{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}},
		{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "envoy.service.auth.v3.Authorization"}},
		{MessageRequest: &reflectionpb.ServerReflectionRequest_FileByFilename{FileByFilename: authv3.File_envoy_service_auth_v3_external_auth_proto.Path()}},
	} {
		if err := stream.Send(question); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if answer.GetListServicesResponse() != nil {
			found := false
			for _, s := range answer.GetListServicesResponse().GetService() {
				found = found || s.GetName() == "envoy.service.auth.v3.Authorization"
			}
			if !found {
				t.Errorf("it is not listed: %v", answer)
			}
			continue
		}
		if len(answer.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
			t.Errorf("%v: got %v", question, answer)
		}
	}
}
