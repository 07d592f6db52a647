// Command go-tlog is the other side of the tests of the audit tree: what Go's sumdb packages, torchwood and the witness of
// transparency.dev make of what jobwarden makes, and what they make for it to read.
//
//	go-tlog judge   < trail.json     says what of a trail is refused
//	go-tlog make    < wanted.json    makes a trail
//	go-tlog witness <verifier key>   serves a witness until its standard input ends
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// trail is everything that can be read of a log, as JSON: []byte is base64 there. The notes may be anything.
type trail struct {
	LogKey        string            `json:"logKey"`
	WitnessKey    string            `json:"witnessKey"`
	Checkpoint    string            `json:"checkpoint"`
	Entries       [][]byte          `json:"entries"`
	Tiles         map[string][]byte `json:"tiles"`
	Bundles       map[string][]byte `json:"bundles"`
	Inclusions    []inclusion       `json:"inclusions"`
	Consistencies []consistency     `json:"consistencies"`
	ProofFiles    []string          `json:"proofFiles"`
	Notes         []string          `json:"notes"`
}

type inclusion struct {
	Index int64    `json:"index"`
	Leaf  []byte   `json:"leaf"`
	Size  int64    `json:"size"`
	Root  []byte   `json:"root"`
	Proof [][]byte `json:"proof"`
}

type consistency struct {
	From     int64    `json:"from"`
	FromRoot []byte   `json:"fromRoot"`
	To       int64    `json:"to"`
	ToRoot   []byte   `json:"toRoot"`
	Proof    [][]byte `json:"proof"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "judge":
		var read trail
		if err := readJSON(&read); err != nil {
			return err
		}
		return writeJSON(judge(read))
	case len(args) == 1 && args[0] == "make":
		var wanted wanted
		if err := readJSON(&wanted); err != nil {
			return err
		}
		made, err := makeTrail(wanted)
		if err != nil {
			return err
		}
		return writeJSON(made)
	case len(args) == 2 && args[0] == "witness":
		return serveWitness(args[1])
	}
	return fmt.Errorf("usage: go-tlog judge | make | witness <verifier key>")
}

func readJSON(into any) error {
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func writeJSON(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}

func toHash(b []byte) (h tlog.Hash) {
	copy(h[:], b)
	return h
}

func toHashes(all [][]byte) []tlog.Hash {
	hashes := make([]tlog.Hash, len(all))
	for i, b := range all {
		hashes[i] = toHash(b)
	}
	return hashes
}

func fromHashes(all []tlog.Hash) [][]byte {
	hashes := make([][]byte, len(all))
	for i := range all {
		hashes[i] = all[i][:]
	}
	return hashes
}

// stored are the hashes of a tree in the order of tlog.StoredHashIndex.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("no hash is stored at %d", index)
		}
		hashes[i] = s[index]
	}
	return hashes, nil
}

func storedOf(entries [][]byte) (stored, error) {
	var hashes stored
	for n, entry := range entries {
		more, err := tlog.StoredHashes(int64(n), entry, hashes)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, more...)
	}
	return hashes, nil
}
