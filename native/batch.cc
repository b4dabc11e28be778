#include "batch.h"

#include <netinet/udp.h>
#include <time.h>

#include <cstring>

#include "clock.h"

namespace anyprobe {
namespace {

constexpr size_t kLongestDatagram = 65507;
// Places of packets do not begin at the same offset of a page: else all of them would share a few sets of the cache.
constexpr size_t kStride = Inbox::kOctets + 4096 + 64;

}  // namespace

// The octets are left as they come: only what is used becomes resident.
Outbox::Outbox() : octets_(new uint8_t[kDatagrams * kLongestDatagram + kBlockOctets]) {}

Outbox::Message Outbox::begin(const Peer& peer) {
  first_[messages_] = probes_;
  peers_[messages_] = peer;
  return {octets_.get() + octets_used_, &slots_[probes_]};
}

void Outbox::end(const Message& message) {
  uint8_t* from = octets_.get() + octets_used_;
  vectors_[messages_] = {from, static_cast<size_t>(message.at - from)};
  octets_used_ += vectors_[messages_].iov_len;
  uint32_t probes = static_cast<uint32_t>(message.slot - &slots_[probes_]);
  probes_ += probes;
  close(messages_++, probes);
}

void Outbox::close(uint32_t message, uint32_t probes) {
  headers_[message] = {};
  msghdr& header = headers_[message].msg_hdr;
  header.msg_name = &peers_[message];
  header.msg_namelen = peers_[message].size();
  header.msg_iov = &vectors_[message];
  header.msg_iovlen = 1;
  if (probes == 1) return;
  header.msg_control = &control_;
  header.msg_controllen = sizeof(control_);
  cmsghdr* segment = CMSG_FIRSTHDR(&header);
  segment->cmsg_level = SOL_UDP;
  segment->cmsg_type = UDP_SEGMENT;
  segment->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  uint16_t octets = static_cast<uint16_t>(vectors_[message].iov_len / probes);
  std::memcpy(CMSG_DATA(segment), &octets, sizeof(octets));
}

void Outbox::split() {
  const Peer peer = peers_[0];
  const size_t length = vectors_[0].iov_len / probes_;
  messages_ = probes_;
  for (uint32_t i = 0; i < probes_; ++i) {
    first_[i] = i;
    peers_[i] = peer;
    vectors_[i] = {octets_.get() + i * length, length};
    close(i, 1);
  }
}

Inbox::Inbox() : octets_(new uint8_t[kMost * kStride]), used_(kMost) {}

// receive lays out again only what the last batch used: at low rates the rest would be most of the work.
int Inbox::receive(int fd) {
  for (uint32_t i = 0; i < used_; ++i) {
    vectors_[i] = {octets_.get() + i * kStride, kOctets};
    headers_[i] = {};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &peers_[i];
    header.msg_namelen = sizeof(peers_[i]);
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_control = &control_[i];
    header.msg_controllen = sizeof(control_[i]);
  }
  int got = recvmmsg(fd, headers_.data(), kMost, MSG_DONTWAIT, nullptr);
  // A failed call may have used the first.
  used_ = got > 0 ? static_cast<uint32_t>(got) : 1;
  return got;
}

Inbox::Packet Inbox::operator[](uint32_t at) const { return packet_of(headers_[at].msg_hdr, headers_[at].msg_len); }

Inbox::Packet packet_of(const msghdr& header, size_t length) {
  Inbox::Packet packet{static_cast<const uint8_t*>(header.msg_iov->iov_base),
                       length,
                       length,
                       static_cast<const Peer*>(header.msg_name),
                       0,
                       0};
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(const_cast<msghdr*>(&header), c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
      packet.stamp_ns = to_ns(stamp);
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      std::memcpy(&packet.dropped, CMSG_DATA(c), sizeof(packet.dropped));
    } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int segment;
      std::memcpy(&segment, CMSG_DATA(c), sizeof(segment));
      if (segment > 0) packet.segment = static_cast<size_t>(segment);
    }
  }
  return packet;
}

}  // namespace anyprobe
