package features

import (
	"encoding/binary"
	"math/bits"
)

// tokenKey is the fixed SipHash key of every token. It is part of SchemaID: it
// is no secret and protects nothing; a record is private because it holds
// hashes of few kinds and is never written into a model.
var tokenKey = [2]uint64{0x77686f726c2f746f, 0x6b656e2f73697031}

// siphash returns SipHash-2-4 of data (Aumasson and Bernstein 2012) under key.
func siphash(key [2]uint64, data []byte) uint64 {
	v0 := key[0] ^ 0x736f6d6570736575
	v1 := key[1] ^ 0x646f72616e646f6d
	v2 := key[0] ^ 0x6c7967656e657261
	v3 := key[1] ^ 0x7465646279746573
	tail := uint64(len(data)) << 56
	if rest := len(data) & 7; rest > 0 && len(data) > 8 { // all at once, from what ends with them
		tail |= binary.LittleEndian.Uint64(data[len(data)-8:]) >> (64 - 8*rest)
		data = data[:len(data)-rest]
	}
	for len(data) >= 8 {
		m := binary.LittleEndian.Uint64(data)
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
		data = data[8:]
	}
	for i, c := range data {
		tail |= uint64(c) << (8 * i)
	}
	v3 ^= tail
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= tail
	v2 ^= 0xff
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// Domains keep equal texts of different fields apart.
const (
	domainWhole byte = iota + 1
	domainFunction
	domainModule
	domainContext
	domainSite
	domainSubtoken
	domainWord
	domainType
	domainTemplate
	domainSlot
	domainSubject
	domainRelease
	domainRuntime
	domainContent
)
