package slab

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/keystile/keystile/storage"
)

// writeKey makes an unpublished record of a key.
func (s *Store) writeKey(k *storage.Key) (ref, error) {
	if len(k.Secrets) > maxSecrets {
		return 0, fmt.Errorf("%d secrets: %w", len(k.Secrets), ErrTooLarge)
	}
	user, err := s.holdUser(k.User())
	if err != nil {
		return 0, err
	}
	rec := s.encodeKey(k, user)
	r, err := s.arena.alloc(len(rec))
	if err != nil {
		s.letKey(rec)
		return 0, err
	}
	copy(s.arena.at(r), rec)
	return r, nil
}

// encodeKey writes a key into the scratch, and counts what it refers to.
func (s *Store) encodeKey(k *storage.Key, user ref) keyRecord {
	low, high, packed := packID(k.ID)
	flags := high | codeOf(k.State, keyStates[:])<<keyStateBit | codeOf(k.RevokeReason, revokeReasons[:])<<keyReasonBit
	create := micros(k.CreateTime)

	out := s.blank(keyHead)
	for i := range k.Secrets {
		out = append(out, k.Secrets[i].Digest[:]...)
	}
	if !packed {
		flags |= keyHasTextID
		out = appendText(out, k.ID)
	}
	if wide(k.Version) {
		flags |= keyHasWideVersion
		out = appendU64(out, uint64(k.Version)) //nolint:gosec // the same bits
	}
	moment := func(flag uint32, t uint64, absent uint64) {
		if t != absent {
			flags |= flag
			out = appendU64(out, t)
		}
	}
	moment(keyHasUpdateTime, micros(k.UpdateTime), create)
	moment(keyHasStartTime, micros(k.StartTime), noTime)
	moment(keyHasExpireTime, micros(k.ExpireTime), noTime)
	moment(keyHasRevokeTime, micros(k.RevokeTime), noTime)
	moment(keyHasDeleteTime, micros(k.DeleteTime), noTime)
	if k.Scopes != nil {
		flags |= keyHasScopes
		out = s.scopes.append(out, s.encoding(appendList(s.part[:0], k.Scopes)))
	}
	if k.Labels != nil {
		flags |= keyHasLabels
		out = s.labels.append(out, s.encoding(appendLabels(s.part[:0], k.Labels)))
	}
	if k.APIs != nil {
		flags |= keyHasAPIs
		out = s.apis.append(out, s.encoding(appendAPIs(s.part[:0], k.APIs)))
	}
	if k.AllowedCIDRs != nil {
		flags |= keyHasNetworks
		out = s.networks.append(out, s.encoding(appendNetworks(s.part[:0], k.AllowedCIDRs)))
	}
	if k.SecretPrefix != "" {
		flags |= keyHasSecretPrefix
		out = s.words.append(out, s.encoding(append(s.part[:0], k.SecretPrefix...)))
	}
	if k.CreatedBy != (storage.UserRef{}) {
		flags |= keyHasCreatedBy
		out = s.creators.append(out, s.encoding(appendUserRef(s.part[:0], k.CreatedBy)))
	}
	if !k.Limits.Empty() {
		flags |= keyHasLimits
		out = s.limits.append(out, s.encoding(appendLimits(s.part[:0], &k.Limits)))
	}
	if k.DisplayName != "" {
		flags |= keyHasName
		out = appendText(out, k.DisplayName)
	}
	if k.RevokeNote != "" {
		flags |= keyHasNote
		out = appendText(out, k.RevokeNote)
	}
	for i := range k.Secrets {
		out = s.encodeSecret(out, &k.Secrets[i], create)
	}

	s.scratch = out
	rec := keyRecord(out)
	rec.setHead(k, flags, user, s.round)
	copy(rec[keyIDAt:], low[:])
	return rec
}

func (r keyRecord) setHead(k *storage.Key, flags uint32, user ref, round uint32) {
	binary.LittleEndian.PutUint32(r[keySizeAt:], uint32(len(r))) //nolint:gosec // alloc refuses what needs more than 24 bits
	r[keySizeAt+3] = byte(len(k.Secrets))                        //nolint:gosec // checked by writeKey
	binary.LittleEndian.PutUint32(r[keyFlagsAt:], flags)
	binary.LittleEndian.PutUint32(r[keyUserAt:], uint32(user))
	binary.LittleEndian.PutUint32(r[keyRoundAt:], round)
	binary.LittleEndian.PutUint32(r[keyVersionAt:], uint32(k.Version)) //nolint:gosec // wide versions stand further on too
	binary.LittleEndian.PutUint64(r[keyCreateAt:], micros(k.CreateTime))
}

func (s *Store) encodeSecret(out []byte, secret *storage.Secret, create uint64) []byte {
	at := len(out)
	out = append(out, 0)
	var flags byte
	if secret.Prefix != "" {
		flags |= secretHasPrefix
		out = s.words.append(out, s.encoding(append(s.part[:0], secret.Prefix...)))
	}
	if secret.PepperID != "" {
		flags |= secretHasPepper
		out = s.words.append(out, s.encoding(append(s.part[:0], secret.PepperID...)))
	}
	if len(secret.LastFour) == 4 {
		flags |= secretHasFour
		out = append(out, secret.LastFour...)
	} else {
		out = appendText(out, secret.LastFour)
	}
	if t := micros(secret.CreateTime); t != create {
		flags |= secretHasCreateTime
		out = appendU64(out, t)
	}
	if t := micros(secret.EndTime); t != noTime {
		flags |= secretHasEndTime
		out = appendU64(out, t)
	}
	out[at] = flags
	return out
}

// blank gives the scratch, with n zero bytes in it.
func (s *Store) blank(n int) []byte {
	s.scratch = slices.Grow(s.scratch[:0], n)[:n]
	clear(s.scratch)
	return s.scratch
}

// encoding keeps the room that a set was encoded in for the next one.
func (s *Store) encoding(part []byte) []byte {
	s.part = part
	return part
}

// letKey gives up all that a record refers to.
func (s *Store) letKey(rec keyRecord) {
	var p keyParts
	rec.parts(&p)
	s.scopes.release(p.scopes)
	s.labels.release(p.labels)
	s.apis.release(p.apis)
	s.networks.release(p.networks)
	s.words.release(p.secretPrefix)
	for range rec.secrets() {
		secret := p.secrets.secret(0)
		s.words.release(secret.prefix)
		s.words.release(secret.pepper)
	}
	s.creators.release(p.createdBy)
	s.limits.release(p.limits)
	s.letUser(rec.user())
}

// freeKey takes back a record that no reader can come to any more.
func (s *Store) freeKey(r ref) {
	rec := s.keyAt(r)
	s.letKey(rec)
	s.arena.release(r, len(rec))
}
