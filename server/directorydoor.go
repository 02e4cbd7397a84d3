package server

import (
	pb "github.com/keystile/keystile/api/keystile/v1"
)

// The bounds of what the directory holds.
const (
	maxRoles       = 32
	maxHosts       = 256
	maxPermissions = 256
	maxRoutes      = 1000
)

// DirectoryServer is the door of keystile.v1.DirectoryService.
type DirectoryServer struct {
	pb.UnimplementedDirectoryServiceServer
	service *Service
}

// NewDirectoryServer makes the door to service.
func NewDirectoryServer(service *Service) *DirectoryServer { return &DirectoryServer{service: service} }
