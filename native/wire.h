// Octets on the wire: reading and writing 16-bit numbers, comparing questions, and the shuffle that makes ids random.
#pragma once

#include <sys/random.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace anyprobe {

inline uint16_t read16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

inline void write16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

// The DNS header (RFC 1035 4.1.1): id, flags, four counts.
inline constexpr size_t kDnsHeader = 12;
inline bool is_response(const uint8_t* dns) { return dns[2] & 0x80; }
inline bool is_truncated(const uint8_t* dns) { return dns[2] & 0x02; }
inline uint8_t rcode_of(const uint8_t* dns) { return dns[3] & 0x0f; }
inline uint16_t question_count(const uint8_t* dns) { return read16(dns + 4); }

// same_octets compares sixteen at a time: questions are short, and a call of memcmp costs more than the comparison.
inline bool same_octets(const uint8_t* a, const uint8_t* b, size_t length) {
  using Lanes [[gnu::vector_size(16)]] = uint64_t;
  if (length < sizeof(Lanes)) return std::memcmp(a, b, length) == 0;
  auto difference = [&](size_t at) {
    Lanes x, y;
    std::memcpy(&x, a + at, sizeof(x));
    std::memcpy(&y, b + at, sizeof(y));
    return x ^ y;
  };
  const size_t last = length - sizeof(Lanes);
  Lanes differences = difference(last);
  for (size_t at = 0; at < last; at += sizeof(Lanes)) differences |= difference(at);
  return (differences[0] | differences[1]) == 0;
}

// same_question compares octets, letters in any case: servers may echo a name in their own case (RFC 1035 2.3.3).
inline bool same_question(const uint8_t* a, const uint8_t* b, size_t length) {
  if (same_octets(a, b, length)) return true;
  auto lower = [](uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c | 0x20) : c; };
  for (size_t i = 0; i < length; ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

// Likeness is how a packet from a probe's peer with a probe's id compares with its query.
enum class Likeness { kAnswer, kNoQuestion, kForeign, kMalformed };

// compare wants a response that repeats the question, or an error answer without any (RFC 1035 4.1.1: a server that could
// not read a query may answer FORMERR with its header alone).
inline Likeness compare(const uint8_t* query, size_t question_length, const uint8_t* dns, size_t length) {
  if (length < kDnsHeader || !is_response(dns)) return Likeness::kMalformed;
  bool same = question_count(dns) == 1 && length >= kDnsHeader + question_length &&
              same_question(dns + kDnsHeader, query + kDnsHeader, question_length);
  if (same) return Likeness::kAnswer;
  return question_count(dns) == 0 && rcode_of(dns) != 0 ? Likeness::kNoQuestion : Likeness::kForeign;
}

// is_plain_answer tells whether this is a whole answer without error that repeats the question in its very letters, and is
// long enough for that: most are, and it is quickly seen.
inline bool is_plain_answer(const uint8_t* query, size_t question_length, const uint8_t* dns) {
  // In one comparison: a response (QR) that is not truncated (TC), without error (RCODE), with one question (QDCOUNT).
  constexpr auto kLooked = std::bit_cast<uint32_t>(std::array<uint8_t, 4>{0x82, 0x0f, 0xff, 0xff});
  constexpr auto kPlain = std::bit_cast<uint32_t>(std::array<uint8_t, 4>{0x80, 0x00, 0x00, 0x01});
  uint32_t header;
  std::memcpy(&header, dns + 2, sizeof(header));
  return (header & kLooked) == kPlain && same_octets(dns + kDnsHeader, query + kDnsHeader, question_length);
}

// Shuffle is a keyed bijection of 16-bit numbers: consecutive sequence numbers become ids that nobody off the path can
// guess, and an id gives its sequence number back. Multiplying by odd numbers and folding the upper half into the lower can
// both be undone, and need no table, which would take room in the cache.
class Shuffle {
 public:
  Shuffle() {
    auto* at = reinterpret_cast<uint8_t*>(&key_);
    for (size_t have = 0; have < sizeof(key_);) {
      ssize_t got = getrandom(at + have, sizeof(key_) - have, 0);
      if (got > 0) have += static_cast<size_t>(got);
    }
    for (size_t i = 0; i < kRounds; ++i) {
      key_.factors[i] |= 1;
      inverses_[i] = inverse_of(key_.factors[i]);
    }
  }

  uint16_t id_of(uint16_t sequence) const {
    uint16_t x = sequence;
    for (size_t i = 0; i < kRounds; ++i) x = fold(static_cast<uint16_t>((x + key_.offsets[i]) * key_.factors[i]));
    return x;
  }

  uint16_t sequence_of(uint16_t id) const {
    uint16_t x = id;
    for (size_t i = kRounds; i-- > 0;) x = static_cast<uint16_t>(fold(x) * inverses_[i] - key_.offsets[i]);
    return x;
  }

 private:
  static constexpr size_t kRounds = 3;

  static uint16_t fold(uint16_t x) { return static_cast<uint16_t>(x ^ x >> 8); }

  // Newton's iteration: each step doubles the bits that are right, from three on.
  static uint32_t inverse_of(uint32_t odd) {
    uint32_t inverse = odd;
    for (int i = 0; i < 3; ++i) inverse *= 2 - odd * inverse;
    return inverse;
  }

  // In 32 bits: products of 16-bit numbers would overflow an int.
  struct {
    std::array<uint32_t, kRounds> offsets, factors;
  } key_;
  std::array<uint32_t, kRounds> inverses_;
};

}  // namespace anyprobe
