// The octets that the fuzzer made up, taken piece by piece. Octets are handed on as copies of exactly their length, so that
// one octet read beyond them is seen.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

class Input {
 public:
  Input(const uint8_t* octets, size_t length) : at_(octets), end_(octets + length) {}

  // What is not there any more reads as 0.
  uint8_t u8() { return at_ < end_ ? *at_++ : 0; }
  uint16_t u16() {
    const uint8_t high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  std::vector<uint8_t> take(size_t most) {
    const uint8_t* from = at_;
    at_ += std::min(most, left());
    return {from, at_};
  }
  std::vector<uint8_t> rest() { return take(left()); }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};
