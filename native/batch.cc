#include "batch.h"

#include <time.h>

#include <cstring>

#include "clock.h"
#include "wire.h"

namespace anyprobe {

void Outbox::add(const std::vector<uint8_t>& query, int id_at, uint16_t id, const sockaddr_storage& peer,
                 uint32_t slot) {
  uint32_t at = size_++;
  octets_[at].assign(query.begin(), query.end());
  if (id_at >= 0) write16(octets_[at].data() + id_at, id);
  peers_[at] = peer;
  slots_[at] = slot;
  vectors_[at] = {octets_[at].data(), octets_[at].size()};
  headers_[at] = {};
  msghdr& header = headers_[at].msg_hdr;
  header.msg_name = &peers_[at];
  header.msg_namelen = peer.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  header.msg_iov = &vectors_[at];
  header.msg_iovlen = 1;
}

Inbox::Inbox() : octets_(kMost * kOctets), used_(kMost) {}

// receive lays out again only what the last batch used: at low rates the rest would be most of the work.
int Inbox::receive(int fd) {
  for (uint32_t i = 0; i < used_; ++i) {
    vectors_[i] = {&octets_[i * kOctets], kOctets};
    headers_[i] = {};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &peers_[i];
    header.msg_namelen = sizeof(peers_[i]);
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_control = control_[i].data();
    header.msg_controllen = control_[i].size();
  }
  int got = recvmmsg(fd, headers_.data(), kMost, MSG_DONTWAIT, nullptr);
  // A failed call may have used the first.
  used_ = got > 0 ? static_cast<uint32_t>(got) : 1;
  return got;
}

Inbox::Packet Inbox::operator[](uint32_t at) const {
  const msghdr& header = headers_[at].msg_hdr;
  Packet packet{&octets_[at * kOctets], headers_[at].msg_len, (header.msg_flags & MSG_TRUNC) != 0, &peers_[at], 0, 0};
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(const_cast<msghdr*>(&header), c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    if (c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
      packet.stamp_ns = to_ns(stamp);
    } else if (c->cmsg_type == SO_RXQ_OVFL) {
      std::memcpy(&packet.dropped, CMSG_DATA(c), sizeof(packet.dropped));
    }
  }
  return packet;
}

}  // namespace anyprobe
