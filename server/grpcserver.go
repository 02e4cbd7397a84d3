package server

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// The bounds of the gRPC listener. grpc-go leaves most of them open.
const (
	maxHeaderList = 16 << 10
	maxStreams    = 1024
	// streamWorkers handle calls on stacks that have grown once already; calls
	// beyond so many at a time, and all that come through the REST facade, get
	// goroutines of their own.
	streamWorkers    = 64
	handshakeTimeout = 10 * time.Second
	maxIdle          = 15 * time.Minute
	maxConnAge       = time.Hour
	connAgeGrace     = 30 * time.Second
	keepaliveTime    = time.Minute
	keepaliveTimeout = 20 * time.Second
	minClientPing    = 10 * time.Second
)

// The most bytes of one message: of callers on the network, who are not known
// before it is read, and of the REST facade, which has bounded it already.
const (
	MaxMessage          = 4 << 20
	MaxInProcessMessage = 9 << 20
)

// NewGRPC makes the gRPC server of a service, with health and reflection. It
// fails when a method is served that no policy knows. Health tells what is told
// to h. With MaxInProcessMessage it is the one that the REST facade calls. More options, such as credentials, may be given.
func NewGRPC(s *Service, h *health.Server, maxMessage int, more ...grpc.ServerOption) (*grpc.Server, error) {
	inner, workers := maxMessage == MaxInProcessMessage, uint32(streamWorkers)
	if inner {
		workers = 0
	}
	g := grpc.NewServer(append([]grpc.ServerOption{
		s.unary(),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.ChainStreamInterceptor(s.stream),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxHeaderListSize(maxHeaderList),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.NumStreamWorkers(workers),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: maxIdle, MaxConnectionAge: maxConnAge, MaxConnectionAgeGrace: connAgeGrace,
			Time: keepaliveTime, Timeout: keepaliveTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minClientPing, PermitWithoutStream: true}),
	}, more...)...)
	g.RegisterService(keyServiceDesc(), NewKeyServer(s, inner))
	pb.RegisterDirectoryServiceServer(g, NewDirectoryServer(s))
	pb.RegisterAuditServiceServer(g, NewAuditServer(s))
	NewEnvoyServer(s).register(g)
	healthpb.RegisterHealthServer(g, h)
	reflection.Register(g)
	if err := everyMethodHasPolicy(g); err != nil {
		return nil, err
	}
	return g, nil
}
