// The arrays that sendmmsg and recvmmsg work on, laid out once and used again for every batch.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <vector>

namespace anyprobe {

// Outbox gathers queries for one socket until they leave together.
class Outbox {
 public:
  static constexpr uint32_t kMost = 64;

  uint32_t size() const { return size_; }
  bool full() const { return size_ == kMost; }
  void clear() { size_ = 0; }

  // add copies a query and writes its id; `slot` is what its probe reserved.
  void add(const std::vector<uint8_t>& query, int id_at, uint16_t id, const sockaddr_storage& peer, uint32_t slot);
  uint32_t slot(uint32_t at) const { return slots_[at]; }
  mmsghdr* from(uint32_t at) { return &headers_[at]; }

 private:
  uint32_t size_ = 0;
  std::array<std::vector<uint8_t>, kMost> octets_;
  std::array<sockaddr_storage, kMost> peers_;
  std::array<iovec, kMost> vectors_;
  std::array<mmsghdr, kMost> headers_;
  std::array<uint32_t, kMost> slots_;
};

// Inbox receives a batch of packets and reads their ancillary data.
class Inbox {
 public:
  static constexpr uint32_t kMost = 64;
  static constexpr size_t kOctets = 4096;  // kept of a packet; a longer one is told as cut short

  struct Packet {
    const uint8_t* octets;
    size_t length;
    bool cut_short;
    const sockaddr_storage* peer;
    int64_t stamp_ns;  // the kernel's receive stamp, CLOCK_REALTIME; 0: none
    uint32_t dropped;  // SO_RXQ_OVFL; 0: not told
  };

  Inbox();
  // receive reads what is queued, at most kMost; tells how many, or -1 with errno.
  int receive(int fd);
  Packet operator[](uint32_t at) const;

 private:
  std::vector<uint8_t> octets_;
  uint32_t used_;  // slots that the last call wrote to
  std::array<sockaddr_storage, kMost> peers_;
  std::array<iovec, kMost> vectors_;
  std::array<std::array<uint8_t, 128>, kMost> control_;
  std::array<mmsghdr, kMost> headers_;
};

}  // namespace anyprobe
