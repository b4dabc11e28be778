// The bytes of netlink messages: building requests and walking the attributes of answers. No sockets, no meaning.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace anyprobe {

// Requests is a row of requests, sent in one sendmsg. Every field is in host byte order unless the kernel's header says
// otherwise, and lengths are kept right as attributes are put.
class Requests {
 public:
  template <typename Body>
  void begin(uint16_t type, uint16_t flags, const Body& body) {
    start_ = bytes_.size();
    bytes_.resize(start_ + NLMSG_SPACE(sizeof(Body)));
    nlmsghdr header{};
    header.nlmsg_len = NLMSG_LENGTH(sizeof(Body));
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = static_cast<uint32_t>(count_++);
    std::memcpy(&bytes_[start_], &header, sizeof header);
    std::memcpy(&bytes_[start_ + NLMSG_HDRLEN], &body, sizeof body);
  }

  // Adds an attribute to the request begun last.
  void put(uint16_t type, const void* data, size_t length) {
    const size_t at = bytes_.size();
    rtattr attribute{};
    attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(length));
    attribute.rta_type = type;
    bytes_.resize(at + RTA_SPACE(length));
    std::memcpy(&bytes_[at], &attribute, sizeof attribute);
    std::memcpy(&bytes_[at + RTA_LENGTH(0)], data, length);
    const auto total = static_cast<uint32_t>(bytes_.size() - start_);
    std::memcpy(&bytes_[start_], &total, sizeof total);
  }

  void put_u8(uint16_t type, uint8_t value) { put(type, &value, sizeof value); }
  void put_u32(uint16_t type, uint32_t value) { put(type, &value, sizeof value); }

  uint8_t* data() { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  // How many requests it holds; their sequence numbers are 0 to count - 1 until a channel numbers them.
  size_t count() const { return count_; }

 private:
  std::vector<uint8_t> bytes_;
  size_t start_ = 0;
  size_t count_ = 0;
};

// Attributes indexes the attributes behind a message's body by type, up to Max; a later one of a type wins. It points
// into the message and lives no longer than that.
template <int Max>
class Attributes {
 public:
  Attributes(const nlmsghdr& header, size_t body_length) {
    const size_t offset = NLMSG_SPACE(body_length);
    if (header.nlmsg_len < offset) return;
    index(reinterpret_cast<const uint8_t*>(&header) + offset, header.nlmsg_len - offset);
  }
  // Those nested in an attribute, which may be missing: null and 0.
  Attributes(const uint8_t* nest, size_t length) { index(nest, length); }

  // Copies the attribute into `value`; false, and `value` untouched, where it is missing or shorter.
  template <typename Value>
  bool read(int type, Value& value) const {
    const rtattr* attribute = found_[type];
    if (!attribute || attribute->rta_len < RTA_LENGTH(sizeof value)) return false;
    std::memcpy(&value, RTA_DATA(attribute), sizeof value);
    return true;
  }

  const uint8_t* data(int type) const {
    return found_[type] ? static_cast<const uint8_t*>(RTA_DATA(found_[type])) : nullptr;
  }
  size_t length(int type) const { return found_[type] ? found_[type]->rta_len - RTA_LENGTH(0) : 0; }
  // The attribute's text: up to its 0, and never beyond its end; empty where it is missing.
  std::string text(int type) const {
    const auto* at = reinterpret_cast<const char*>(data(type));
    return at ? std::string(at, strnlen(at, length(type))) : std::string();
  }

 private:
  void index(const uint8_t* at, size_t left) {
    while (left >= sizeof(rtattr)) {
      const auto* attribute = reinterpret_cast<const rtattr*>(at);
      if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > left) return;
      const int type = attribute->rta_type & NLA_TYPE_MASK;
      if (type <= Max) found_[type] = attribute;
      const size_t step = RTA_ALIGN(attribute->rta_len);
      if (step >= left) return;
      at += step;
      left -= step;
    }
  }

  const rtattr* found_[Max + 1] = {};
};

// Gives the errno that a message tells as its negative; EPROTO where it tells none (include/linux/err.h has the range).
inline int errno_of(int told) { return told <= 0 && told >= -4095 ? -told : EPROTO; }

// Gives the body of a message, or null where the message is too short to hold one.
template <typename Body>
const Body* body_of(const nlmsghdr& header) {
  if (header.nlmsg_len < NLMSG_LENGTH(sizeof(Body))) return nullptr;
  return reinterpret_cast<const Body*>(reinterpret_cast<const uint8_t*>(&header) + NLMSG_HDRLEN);
}

}  // namespace anyprobe
