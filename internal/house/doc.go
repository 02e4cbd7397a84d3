// Package house holds no code that runs: its tests read the repository's own
// source and keep the rules that a compiler does not know. Who may import
// whom, how long a file may grow, which package names say nothing, and that
// no state hides at package level.
package house
