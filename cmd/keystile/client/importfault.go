package client

import (
	"fmt"
	"strconv"
	"strings"
)

// maxImportFaults is how many faults are shown: the rest of a file that is wrong
// throughout is wrong in the same way.
const maxImportFaults = 200

// shortened keeps the first faults.
func shortened(faults []violation) []violation {
	if len(faults) <= maxImportFaults {
		return faults
	}
	more := fmt.Sprintf("are wrong as well: %d faults are not shown", len(faults)-maxImportFaults)
	return append(faults[:maxImportFaults:maxImportFaults], violation{"later lines", more})
}

// lineFault is what is wrong with a line of the file, which may be one field of
// it. The message must not repeat what stands there: it may be a secret.
func lineFault(number int, field, message string) violation {
	at := "line " + strconv.Itoa(number) + ":"
	if field != "" {
		at += " " + field
	}
	return violation{at, message}
}

// failure is a call's failure in terms of the file: each fault by its line, and
// what has been done before.
func (w *importWork) failure(c *chunk, err error) *failure {
	f := failureOf(err)
	for i, v := range f.violations {
		f.violations[i] = c.fault(v)
	}
	where := fmt.Sprintf("lines %d to %d", c.lines[0], c.lines[len(c.lines)-1])
	f.message = where + ": " + f.message
	if w.dryRun {
		return f
	}
	if f.open() {
		f.repeat = "Whether " + where + " were imported is open: give the same command again; what is done already is not done twice."
		return f
	}
	if w.keys > 0 {
		f.repeat = fmt.Sprintf("The %d keys before them are imported: mend the file and give the same command again; they are not imported twice.", w.keys)
	}
	return f
}

// fault is a violation of the request as a fault of the file. One that is about
// no single key stays what it is.
func (c *chunk) fault(v violation) violation {
	rest, ok := strings.CutPrefix(v.field, "keys[")
	number, field, closed := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	if !ok || !closed || err != nil || i < 0 || i >= len(c.lines) {
		return v
	}
	return lineFault(c.lines[i], columnOf(strings.TrimPrefix(field, ".")), v.message)
}

// columnOf is the column whose field of the request this is; "allowedCidrs[2]"
// is "cidrs[2]".
func columnOf(field string) string {
	for name, column := range map[string]string{"userId": "user", "displayName": "name", "allowedCidrs": "cidrs"} {
		if rest, found := strings.CutPrefix(field, name); found {
			return column + rest
		}
	}
	return field
}
