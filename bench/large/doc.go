// Command large measures what many keys cost: how long a replica takes until it is
// ready, how much memory a key takes, what the process does while nobody asks, and
// what a check costs at one number of keys beside another. It fills stores of its
// own on a private Postgres, and starts the real `keystile serve` on each.
//
// The servers run side by side on CPU 0 and are loaded in turn, so that whatever
// the machine does meanwhile befalls all. The figure to trust is the ratio of
// server CPU per call.
//
// It stands outside CI: ten million keys take about 15 GB of disk, 10 GB of memory
// and half an hour.
package main
