// The arrays that sendmmsg and recvmmsg work on, laid out once and used again for every batch.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "peer.h"
#include "plan.h"
#include "wire.h"

namespace anyprobe {

// Outbox gathers queries for one socket until they leave together: some datagrams, or one train.
class Outbox {
 public:
  static constexpr uint32_t kDatagrams = 8;  // more would save nothing, and make the last wait

  Outbox();
  bool empty() const { return messages_ == 0; }
  bool full() const { return messages_ == kDatagrams; }
  void clear() { messages_ = probes_ = octets_used_ = 0; }

  // Message is one that is being written; its members stay in registers. add puts a query into it, writes its id, and keeps
  // the slot that its probe reserved; query says which from here on. All queries of a message are equally long.
  struct Message {
    uint8_t* at;
    uint32_t* slot;
    const uint8_t* from = nullptr;
    size_t length = 0;
    int id_at = -1;

    void query(const Template& query) {
      from = query.octets.data();
      length = query.length;
      id_at = query.id_at;
    }

    void add(uint16_t id, uint32_t reserved) {
      size_t block = 0;
      do {
        std::memcpy(at + block, from + block, kBlockOctets);
        block += kBlockOctets;
      } while (block < length);
      if (id_at >= 0) write16(at + id_at, id);
      at += length;
      *slot++ = reserved;
    }
  };
  // begin opens the next message, end closes it.
  Message begin(const Peer& peer);
  void end(const Message& message);
  // split makes the one train in here single datagrams.
  void split();

  uint32_t messages() const { return messages_; }
  uint32_t probes() const { return probes_; }
  mmsghdr* from(uint32_t message) { return &headers_[message]; }
  // The probes of a message are first(message) .. first(message + 1); slot gives what a probe reserved.
  uint32_t first(uint32_t message) const { return message < messages_ ? first_[message] : probes_; }
  uint32_t slot(uint32_t probe) const { return slots_[probe]; }

 private:
  void close(uint32_t message, uint32_t probes);

  uint32_t messages_ = 0, probes_ = 0;
  size_t octets_used_ = 0;
  std::unique_ptr<uint8_t[]> octets_;
  std::array<Peer, kLongestTrain> peers_;
  std::array<iovec, kLongestTrain> vectors_;
  std::array<mmsghdr, kLongestTrain> headers_;
  std::array<uint32_t, kLongestTrain> first_, slots_;
  struct alignas(cmsghdr) Control {
    uint8_t octets[CMSG_SPACE(sizeof(uint16_t))];
  } control_;  // of a train
};

// Inbox receives a batch of packets and reads their ancillary data.
class Inbox {
 public:
  static constexpr uint32_t kMost = 64;
  static constexpr size_t kOctets = 65536;  // the longest that the kernel hands over, coalesced or not

  // Packet is what came in one piece: an answer, or several that the kernel coalesced (UDP_GRO).
  struct Packet {
    const uint8_t* octets;
    size_t length;
    size_t segment;  // the octets of each answer but the last, which may be shorter
    const Peer* peer;
    int64_t stamp_ns;  // the kernel's receive stamp, CLOCK_REALTIME; 0: none
    uint32_t dropped;  // SO_RXQ_OVFL; 0: not told

    // each calls take(octets, length, following) for every answer. `following` are as long, right after it; take may deal
    // with some of them as well, and tells with how many.
    template <typename Take>
    void each(Take take) const {
      size_t at = 0;
      do {
        const size_t left = length - at;
        const size_t following = left > segment ? (left - segment) / segment : 0;
        at += segment * (1 + take(octets + at, std::min(segment, left), following));
      } while (at < length);
    }
  };

  Inbox();
  // receive reads what is queued, at most kMost; tells how many, or -1 with errno.
  int receive(int fd);
  Packet operator[](uint32_t at) const;

 private:
  std::unique_ptr<uint8_t[]> octets_;
  uint32_t used_;  // places that the last call wrote to
  std::array<Peer, kMost> peers_;
  std::array<iovec, kMost> vectors_;
  struct alignas(cmsghdr) Control {
    uint8_t octets[256];
  };
  std::array<Control, kMost> control_;
  std::array<mmsghdr, kMost> headers_;
};

// packet_of reads the ancillary data of a received message.
Inbox::Packet packet_of(const msghdr& header, size_t length);

}  // namespace anyprobe
