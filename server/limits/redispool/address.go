package redispool

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// kind is how the nodes that a URL names belong together.
type kind string

const (
	single   kind = "Redis"
	sentinel kind = "Redis by Sentinels"
	cluster  kind = "Redis Cluster"
)

// address is what a URL says.
type address struct {
	kind               kind
	tls                bool
	hosts              []string // host:port
	user, password     string
	db                 int
	master             string
	watcher, watchword string // user and password of the Sentinels
}

// String tells where it is, without a password.
func (a *address) String() string {
	text := fmt.Sprintf("%s at %s", a.kind, strings.Join(a.hosts, ","))
	if a.kind == sentinel {
		text += ", master " + a.master
	}
	return text
}

var errEscape = errors.New("in user and password the characters / ? # @ % must be written as %2F %3F %23 %40 %25, and : in the user as %3A")

// parse reads a URL. What it can't read it names by its place, and never by its
// text: that may be a password which lacks an escape. For the same reason it does
// without url.Parse, whose errors hold the URL.
func parse(text string) (*address, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return nil, errors.New("it begins with none of redis://, redis+sentinel://, redis+cluster:// or the same with rediss")
	}
	a := &address{}
	switch scheme {
	case "redis", "rediss":
		a.kind = single
	case "redis+sentinel", "rediss+sentinel":
		a.kind = sentinel
	case "redis+cluster", "rediss+cluster":
		a.kind = cluster
	default:
		return nil, errors.New("its scheme is none of redis, redis+sentinel, redis+cluster, or the same with rediss")
	}
	a.tls = strings.HasPrefix(scheme, "rediss")
	rest, query, _ := strings.Cut(rest, "?")
	rest, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path, "@") || strings.Contains(query, "@") || strings.Contains(text, "#") {
		return nil, errEscape
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if err := a.readUser(rest[:at]); err != nil {
			return nil, err
		}
		rest = rest[at+1:]
	}
	if err := a.readHosts(rest); err != nil {
		return nil, err
	}
	if err := a.readPath(path); err != nil {
		return nil, err
	}
	if err := a.readQuery(query); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *address) readUser(text string) error {
	user, password, found := strings.Cut(text, ":")
	if !found || password == "" {
		return errors.New("there is a user and no password: it is user:password@, or :password@")
	}
	var badUser, badPassword error
	a.user, badUser = url.PathUnescape(user)
	a.password, badPassword = url.PathUnescape(password)
	if badUser != nil || badPassword != nil {
		return errEscape
	}
	return nil
}

func (a *address) readHosts(text string) error {
	usual := "6379"
	if a.kind == sentinel {
		usual = "26379"
	}
	list := strings.Split(text, ",")
	if a.kind == single && len(list) > 1 {
		return errors.New("it names several hosts: that is redis+sentinel:// or redis+cluster://")
	}
	for i, item := range list {
		host, port, err := net.SplitHostPort(item)
		if err != nil {
			// There is no port, or it is no address either way.
			host, port, err = net.SplitHostPort(item + ":" + usual)
		}
		if err != nil {
			return fmt.Errorf("address %d is not host:port", i+1)
		}
		if host == "" {
			return fmt.Errorf("address %d has no host", i+1)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("the port of address %d is not a number from 1 to 65535", i+1)
		}
		a.hosts = append(a.hosts, net.JoinHostPort(host, port))
	}
	return nil
}

// readPath reads the database of a single node, and the name of the master that
// Sentinels watch.
func (a *address) readPath(path string) error {
	switch {
	case a.kind == sentinel:
		master, err := url.PathUnescape(path)
		if master == "" || err != nil || strings.Contains(path, "/") {
			return errors.New("after the Sentinels' addresses comes /, and the name of their master")
		}
		a.master = master
	case path == "":
	case a.kind == cluster:
		return errors.New("a cluster has no database to choose: nothing comes after its addresses")
	default:
		return a.readDatabase(path)
	}
	return nil
}

func (a *address) readDatabase(text string) error {
	n, err := strconv.ParseUint(text, 10, 15)
	if err != nil {
		return errors.New("the database is not a number")
	}
	a.db = int(n)
	return nil
}

func (a *address) readQuery(text string) error {
	values, err := url.ParseQuery(text)
	if err != nil {
		return errors.New("its query can't be read")
	}
	for name, list := range values {
		switch value := list[0]; {
		case len(list) > 1:
			return errors.New("its query says one thing twice")
		case name == "db" && a.kind != cluster:
			if err := a.readDatabase(value); err != nil {
				return err
			}
		case name == "sentinel_username" && a.kind == sentinel:
			a.watcher = value
		case name == "sentinel_password" && a.kind == sentinel:
			a.watchword = value
		default:
			return errors.New("its query may say db, and of Sentinels sentinel_username and sentinel_password; a cluster has none")
		}
	}
	return nil
}
