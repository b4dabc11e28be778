// Octets on the wire: reading and writing 16-bit numbers, comparing questions, and the shuffle that makes ids random.
#pragma once

#include <sys/random.h>

#include <array>
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
inline uint8_t rcode_of(const uint8_t* dns) { return dns[3] & 0x0f; }
inline uint16_t question_count(const uint8_t* dns) { return read16(dns + 4); }

// same_question compares octets, letters in any case: servers may echo a name in their own case (RFC 1035 2.3.3).
inline bool same_question(const uint8_t* a, const uint8_t* b, size_t length) {
  if (std::memcmp(a, b, length) == 0) return true;
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
  if (question_count(dns) == 0 && rcode_of(dns) != 0) return Likeness::kNoQuestion;
  bool same = question_count(dns) == 1 && length >= kDnsHeader + question_length &&
              same_question(dns + kDnsHeader, query + kDnsHeader, question_length);
  return same ? Likeness::kAnswer : Likeness::kForeign;
}

// Shuffle is a keyed bijection of 16-bit numbers (a four-round Feistel network over random tables): consecutive
// sequence numbers become ids that nobody off the path can guess, and an id gives its sequence number back.
class Shuffle {
 public:
  Shuffle() {
    uint8_t* at = &rounds_[0][0];
    for (size_t have = 0; have < sizeof(rounds_);) {
      ssize_t got = getrandom(at + have, sizeof(rounds_) - have, 0);
      if (got > 0) have += static_cast<size_t>(got);
    }
  }

  uint16_t id_of(uint16_t sequence) const {
    uint8_t left = static_cast<uint8_t>(sequence >> 8), right = static_cast<uint8_t>(sequence);
    for (const auto& round : rounds_) {
      uint8_t next = left ^ round[right];
      left = right;
      right = next;
    }
    return static_cast<uint16_t>(left << 8 | right);
  }

  uint16_t sequence_of(uint16_t id) const {
    uint8_t left = static_cast<uint8_t>(id >> 8), right = static_cast<uint8_t>(id);
    for (auto round = rounds_.rbegin(); round != rounds_.rend(); ++round) {
      uint8_t previous = right ^ (*round)[left];
      right = left;
      left = previous;
    }
    return static_cast<uint16_t>(left << 8 | right);
  }

 private:
  std::array<std::array<uint8_t, 256>, 4> rounds_;
};

}  // namespace anyprobe
