package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// startTimeout is how long a process may take until it listens.
const startTimeout = 30 * time.Second

// process is one running replica. It is never started again: the next one is
// another process.
type process struct {
	// number tells it from all others of a run.
	number int
	cmd    *exec.Cmd
	conn   *grpc.ClientConn
	// How it is spoken to.
	keys  pb.KeyServiceClient
	dirs  pb.DirectoryServiceClient
	audit pb.AuditServiceClient
	done  chan struct{}
	// leaving is true since it was told to end, which takes a while. The nemesis alone
	// looks at it.
	leaving bool
}

// launch starts a replica that logs to a file, and returns once it listens.
func launch(number int, binary, logPath string, args ...string) (*process, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	p := &process{number: number, done: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{
		"serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--drain-delay", "200ms",
	}, args...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = filepath.Dir(logPath), log, log
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "KEYSTILE_") {
			p.cmd.Env = append(p.cmd.Env, pair)
		}
	}
	p.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		// A child ends with the thread that started it, which is kept for that.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
		_ = log.Close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting a replica: %w", err)
	}
	return p, p.connect(logPath)
}

// connect reads from the log where the process listens.
func (p *process) connect(logPath string) error {
	for until := time.Now().Add(startTimeout); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		address, err := listening(logPath)
		if err != nil {
			return err
		}
		if address == "" {
			select {
			case <-p.done:
				return fmt.Errorf("a replica ended at once: see %s", logPath)
			default:
				continue
			}
		}
		p.conn, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig())
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		p.keys, p.dirs, p.audit = pb.NewKeyServiceClient(p.conn), pb.NewDirectoryServiceClient(p.conn), pb.NewAuditServiceClient(p.conn)
		p.conn.Connect()
		return nil
	}
	return fmt.Errorf("a replica does not listen: see %s", logPath)
}

func listening(logPath string) (string, error) {
	log, err := os.Open(logPath)
	if err != nil {
		return "", fmt.Errorf("log: %w", err)
	}
	defer func() { _ = log.Close() }()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var entry struct{ Msg, GRPC string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "listening" {
			return entry.GRPC, nil
		}
	}
	return "", nil
}

func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", s, err)
	}
	return nil
}

// kill ends the process as a crash would, if it runs.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// command runs another command of the binary to its end.
func command(ctx context.Context, binary string, args ...string) error {
	if out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, out)
	}
	return nil
}

// build builds the binary, perhaps with build tags.
func build(ctx context.Context, binary, tags string) error {
	const from = "github.com/keystile/keystile/cmd/keystile"
	if out, err := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-o", binary, from).CombinedOutput(); err != nil {
		return fmt.Errorf("building the binary: %w: %s", err, out)
	}
	return nil
}
