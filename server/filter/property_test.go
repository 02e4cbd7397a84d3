package filter_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/filter"
)

// naive is a filter in pieces: how it is written, and what it must answer about a
// key, said without reflection.
type naive struct {
	text string
	// loose texts need parentheses inside a longer one.
	loose bool
	about func(*pb.Key) bool
}

func (n naive) tight() string {
	if n.loose {
		return "(" + n.text + ")"
	}
	return n.text
}

var (
	words  = []string{"", "a", "ab", "b", "ba", "a*", "AND", `it's "b"`}
	labels = []string{"team", "a.b", "on-call"}
)

func written(t *rapid.T, word string) string {
	quote := rapid.SampledFrom([]string{`"`, `'`}).Draw(t, "quote")
	if word != "" && strings.Trim(word, "ab") == "" && rapid.Bool().Draw(t, "bare") {
		return word
	}
	return quote + strings.NewReplacer(`\`, `\\`, quote, `\`+quote, "*", `\*`).Replace(word) + quote
}

func drawWord(t *rapid.T) string { return rapid.SampledFrom(words).Draw(t, "word") }

// drawTime gives one of few times, so that equal ones meet.
func drawTime(t *rapid.T) time.Time {
	return noon.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "half days")) * 12 * time.Hour)
}

func drawKey(t *rapid.T) *pb.Key {
	stamp := func(name string) *timestamppb.Timestamp {
		if rapid.Bool().Draw(t, name) {
			return timestamppb.New(drawTime(t))
		}
		return nil
	}
	key := &pb.Key{
		UserId: drawWord(t), Scopes: rapid.SliceOfN(rapid.SampledFrom(words), 0, 2).Draw(t, "scopes"),
		State: pb.Key_State(rapid.Int32Range(0, 3).Draw(t, "state")), Labels: map[string]string{},
		CreateTime: stamp("create time"), LastUsedTime: stamp("last used time"), ExpireTime: stamp("expire time"),
	}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(labels), 0, 2).Draw(t, "labels") {
		key.Labels[name] = drawWord(t)
	}
	if rapid.Bool().Draw(t, "secret") {
		key.CurrentSecret = &pb.SecretInfo{Prefix: drawWord(t)}
	}
	return key
}

var operators = []string{"=", "!=", "<", "<=", ">", ">="}

func holds(op string, order int) bool {
	return map[string]bool{"=": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[op]
}

func drawComparison(t *rapid.T) naive {
	op := rapid.SampledFrom(operators).Draw(t, "operator")
	word := drawWord(t)
	around := rapid.SampledFrom([]string{"", " "}).Draw(t, "around")
	sign := around + op + around
	text := func(path string, read func(*pb.Key) (string, bool)) naive {
		return naive{text: path + sign + written(t, word), about: func(k *pb.Key) bool {
			got, ok := read(k)
			if !ok {
				return op == "!="
			}
			return holds(op, strings.Compare(got, word))
		}}
	}
	switch rapid.IntRange(0, 8).Draw(t, "comparison") {
	case 0:
		return text("userId", func(k *pb.Key) (string, bool) { return k.GetUserId(), true })
	case 1:
		name := rapid.SampledFrom(labels).Draw(t, "label")
		path := "labels." + name
		if name == "a.b" {
			path = `labels."a.b"`
		}
		return text(path, func(k *pb.Key) (string, bool) { v, ok := k.GetLabels()[name]; return v, ok })
	case 2:
		return text("current_secret.prefix", func(k *pb.Key) (string, bool) {
			return k.GetCurrentSecret().GetPrefix(), k.GetCurrentSecret() != nil
		})
	case 3:
		state := pb.Key_State(rapid.Int32Range(0, 3).Draw(t, "wanted state"))
		return naive{text: "state=" + state.String(), about: func(k *pb.Key) bool { return k.GetState() == state }}
	case 4:
		want := drawTime(t)
		return naive{text: "expireTime" + sign + want.Format(time.RFC3339), about: func(k *pb.Key) bool {
			if k.GetExpireTime() == nil {
				return op == "!="
			}
			return holds(op, k.GetExpireTime().AsTime().Compare(want))
		}}
	case 5:
		return naive{text: "scopes:" + written(t, word), about: func(k *pb.Key) bool { return slices.Contains(k.GetScopes(), word) }}
	case 6:
		return drawStarred(t)
	case 7:
		name := rapid.SampledFrom(labels).Draw(t, "label")
		return naive{text: `labels:"` + name + `"`, about: func(k *pb.Key) bool { _, ok := k.GetLabels()[name]; return ok }}
	default:
		return drawUnused(t)
	}
}

func drawStarred(t *rapid.T) naive {
	piece := rapid.SampledFrom([]string{"", "a", "ab", "b"}).Draw(t, "piece")
	user := func(is func(string, string) bool) func(*pb.Key) bool {
		return func(k *pb.Key) bool { return is(k.GetUserId(), piece) }
	}
	return rapid.SampledFrom([]naive{
		{text: "userId=" + piece + "*", about: user(strings.HasPrefix)},
		{text: `userId:"*` + piece + `"`, about: user(strings.HasSuffix)},
		{text: "userId = '*" + piece + "*'", about: user(strings.Contains)},
		{text: "scopes:" + `"*` + piece + `"`, about: func(k *pb.Key) bool {
			return slices.ContainsFunc(k.GetScopes(), func(s string) bool { return strings.HasSuffix(s, piece) })
		}},
	}).Draw(t, "starred")
}

func drawUnused(t *rapid.T) naive {
	want := drawTime(t)
	value := want.Format(time.RFC3339)
	if back := noon.Sub(want); back >= 0 {
		value = rapid.SampledFrom([]string{value, back.String()}).Draw(t, "form")
	}
	return naive{text: "unusedSince=" + value, about: func(k *pb.Key) bool {
		latest := k.GetCreateTime()
		if used := k.GetLastUsedTime(); used != nil && (latest == nil || used.AsTime().After(latest.AsTime())) {
			latest = used
		}
		return latest != nil && latest.AsTime().Before(want)
	}}
}

// drawFilter draws a tree and writes it with the parentheses it needs, and some
// that it doesn't.
func drawFilter(t *rapid.T, depth int) naive {
	if depth == 0 {
		return drawComparison(t)
	}
	var out naive
	switch left := drawFilter(t, depth-1); rapid.IntRange(0, 4).Draw(t, "node") {
	case 0:
		out = naive{text: rapid.SampledFrom([]string{"NOT ", "-"}).Draw(t, "not") + left.tight(), about: func(k *pb.Key) bool { return !left.about(k) }}
	case 1:
		right := drawFilter(t, depth-1)
		out = naive{text: left.tight() + " OR " + right.tight(), loose: true, about: func(k *pb.Key) bool { return left.about(k) || right.about(k) }}
	case 2:
		right := drawFilter(t, depth-1)
		join := rapid.SampledFrom([]string{" AND ", " ", "\n"}).Draw(t, "and")
		out = naive{text: left.tight() + join + right.tight(), loose: true, about: func(k *pb.Key) bool { return left.about(k) && right.about(k) }}
	case 3:
		// Without parentheses, to see that OR binds tighter.
		a, b, c := drawComparison(t), drawComparison(t), drawComparison(t)
		out = naive{text: a.text + " OR " + b.text + " AND " + c.text, loose: true, about: func(k *pb.Key) bool { return (a.about(k) || b.about(k)) && c.about(k) }}
	default:
		return left
	}
	if rapid.IntRange(0, 4).Draw(t, "more parentheses") == 0 {
		return naive{text: "( " + out.text + " )", about: out.about}
	}
	return out
}

func read(t *rapid.T, text string) *filter.Filter {
	f, err := filter.Parse(text, (&pb.Key{}).ProtoReflect().Descriptor(), filter.Options{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func TestFiltersAgreeWithTheirNaiveReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawFilter(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		f := read(t, n.text)
		for range 4 {
			key := drawKey(t)
			if got, want := f.Matches(key, noon), n.about(key); got != want {
				t.Fatalf("%s: got %t, want %t, for %v", n.text, got, want, key)
			}
		}
	})
}

func TestNegationIsItsOwnContrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawFilter(t, 2)
		key := drawKey(t)
		want := read(t, n.text).Matches(key, noon)
		if read(t, "NOT ("+n.text+")").Matches(key, noon) == want {
			t.Fatalf("%s: NOT changes nothing for %v", n.text, key)
		}
		for _, twice := range []string{"NOT NOT (", "NOT -(", "--(", "NOT (NOT ("} {
			text := twice + n.text + strings.Repeat(")", strings.Count(twice, "("))
			if read(t, text).Matches(key, noon) != want {
				t.Fatalf("%s: differs from %s for %v", text, n.text, key)
			}
		}
	})
}

// An inequality is the contrary of the equality, whatever is absent.
func TestInequalityIsTheContraryOfEquality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		value := written(t, drawWord(t))
		stamp := drawTime(t).Format(time.RFC3339)
		for _, c := range [][2]string{
			{"userId", value}, {"labels.team", value}, {"currentSecret.prefix", value}, {"userId", "a*"}, {"labels.team", "*"},
			{"state", "ACTIVE"}, {"expireTime", stamp}, {"currentSecret.createTime", stamp},
		} {
			equal, unequal := c[0]+"="+c[1], c[0]+"!="+c[1]
			if read(t, equal).Matches(key, noon) == read(t, unequal).Matches(key, noon) {
				t.Fatalf("%s and %s agree for %v", equal, unequal, key)
			}
		}
	})
}
