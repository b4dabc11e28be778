#include "answerer.h"

#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace anyprobe {
namespace {

constexpr unsigned kBatch = 32;
// A coalesced train fills a buffer; the odd line keeps buffers from sharing cache sets.
constexpr size_t kBufferOctets = 65536 + 64;
constexpr size_t kControlOctets = 128;
constexpr int kQueueOctets = 16 << 20;
constexpr int kLookMs = 100;  // between two looks at whether to end, should the wake-up of stop() be missed

// Batch is what one recvmmsg brings and one sendmmsg takes back, with nothing copied between.
class Batch {
 public:
  Batch(bool ipv6, bool every_address) : ipv6_(ipv6), every_address_(every_address) {}

  // answer reads a batch and sends it back; gives the number of queries in it.
  uint64_t answer(int fd) {
    for (unsigned i = 0; i < kBatch; ++i) {
      vectors_[i] = {&octets_[i * kBufferOctets], kBufferOctets};
      headers_[i].msg_hdr = {&peers_[i], sizeof(peers_[i]), &vectors_[i], 1, control_[i], kControlOctets, 0};
    }
    int got = recvmmsg(fd, headers_, kBatch, MSG_WAITFORONE, nullptr);
    if (got <= 0) return 0;
    uint64_t queries = 0;
    for (int i = 0; i < got; ++i) queries += turn(headers_[i]);
    for (int sent = 0; sent < got;) {
      int more = sendmmsg(fd, headers_ + sent, static_cast<unsigned>(got - sent), 0);
      sent += more > 0 ? more : 1;  // what the kernel refuses is a lost answer
    }
    return queries;
  }

 private:
  // turn makes an answer of what arrived: QR in each segment, from the address that was asked, cut as it came.
  uint64_t turn(mmsghdr& message) const {
    msghdr& header = message.msg_hdr;
    size_t segment = message.msg_len;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
      int size;
      std::memcpy(&size, CMSG_DATA(c), sizeof(size));
      segment = static_cast<size_t>(size);
    }
    auto* octets = static_cast<uint8_t*>(header.msg_iov->iov_base);
    uint64_t queries = 0;
    for (size_t at = 0; at < message.msg_len; at += segment, ++queries) octets[at + 2] |= 0x80;
    header.msg_iov->iov_len = message.msg_len;
    size_t used = every_address_ ? keep_source(header, ipv6_) : 0;
    if (segment < message.msg_len) {
      auto size = static_cast<uint16_t>(segment);
      used = put_control(header, used, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
    }
    header.msg_controllen = used;
    return queries;
  }

  const bool ipv6_;
  const bool every_address_;
  std::unique_ptr<uint8_t[]> octets_{new uint8_t[kBatch * kBufferOctets]};
  iovec vectors_[kBatch];
  Peer peers_[kBatch];
  mmsghdr headers_[kBatch];
  alignas(cmsghdr) uint8_t control_[kBatch][kControlOctets];
};

int pin(std::thread& thread, int cpu) {
  if (cpu < 0) return 0;
  if (cpu >= CPU_SETSIZE) return EINVAL;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(cpu, &cores);
  return pthread_setaffinity_np(thread.native_handle(), sizeof(cores), &cores);
}

SystemError failed(const char* syscall) { return {errno, syscall}; }

}  // namespace

bool is_wildcard(const Peer& address) {
  return address.ipv6() ? is_unset(address.v6.sin6_addr) : address.v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

SystemError open_listener(Peer* address, bool coalesce, std::unique_ptr<Fd>* listener) {
  const bool ipv6 = address->ipv6();
  int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  auto opened = std::make_unique<Fd>(fd);
  auto set = [fd](int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof(value)); };
  if (set(SOL_SOCKET, SO_REUSEPORT, 1) != 0) return failed("setsockopt SO_REUSEPORT");
  if (coalesce && set(SOL_UDP, UDP_GRO, 1) != 0) return failed("setsockopt UDP_GRO");
  if (ipv6) set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (is_wildcard(*address)) set(ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
  // Without CAP_NET_ADMIN the kernel caps them.
  for (int option : {SO_RCVBUF, SO_SNDBUF, SO_RCVBUFFORCE, SO_SNDBUFFORCE}) set(SOL_SOCKET, option, kQueueOctets);
  timeval look{0, kLookMs * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look));
  if (bind(fd, &address->any, address->size()) != 0) return failed("bind");
  socklen_t size = sizeof(*address);
  getsockname(fd, &address->any, &size);
  *listener = std::move(opened);
  return {};
}

size_t put_control(msghdr& header, size_t at, int level, int type, const void* value, size_t size) {
  auto* c = reinterpret_cast<cmsghdr*>(static_cast<uint8_t*>(header.msg_control) + at);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(c), value, size);
  return at + CMSG_SPACE(size);
}

size_t keep_source(msghdr& header, bool ipv6) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (ipv6 && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo asked;
      std::memcpy(&asked, CMSG_DATA(c), sizeof(asked));
      // A link-local address alone needs the device that it was asked on.
      if (!IN6_IS_ADDR_LINKLOCAL(&asked.ipi6_addr)) asked.ipi6_ifindex = 0;
      return put_control(header, 0, IPPROTO_IPV6, IPV6_PKTINFO, &asked, sizeof(asked));
    }
    if (!ipv6 && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo asked;
      std::memcpy(&asked, CMSG_DATA(c), sizeof(asked));
      asked = {0, asked.ipi_addr, {}};
      return put_control(header, 0, IPPROTO_IP, IP_PKTINFO, &asked, sizeof(asked));
    }
  }
  return 0;
}

SystemError Answerer::start(const AnswererOptions& options, std::unique_ptr<Answerer>* answerer) {
  std::unique_ptr<Answerer> made(new Answerer(options.address));
  for (unsigned i = 0; i < options.sockets; ++i) {
    // The first one's port is the others' too.
    Listener listener{nullptr, std::make_unique<std::atomic<uint64_t>>(0)};
    if (SystemError error = open_listener(&made->address_, true, &listener.fd)) return error;
    made->listeners_.push_back(std::move(listener));
  }
  made->thread_ = std::thread([self = made.get()] { self->answer(); });
  if (int errnum = pin(made->thread_, options.cpu)) return {errnum, "pthread_setaffinity_np"};
  *answerer = std::move(made);
  return {};
}

void Answerer::stop() {
  if (!thread_.joinable()) return;
  ending_ = true;
  // It fails, as nothing is connected, and wakes who waits for the socket.
  for (const Listener& listener : listeners_) shutdown(*listener.fd, SHUT_RDWR);
  thread_.join();
}

void Answerer::answer() {
  // Signals are another thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "answerer");
  std::vector<pollfd> polls;
  for (const Listener& listener : listeners_) polls.push_back({*listener.fd, POLLIN, 0});
  Batch batch(address_.ipv6(), is_wildcard(address_));
  while (!ending_.load(std::memory_order_relaxed)) {
    if (polls.size() > 1 && poll(polls.data(), polls.size(), kLookMs) <= 0) continue;
    for (size_t i = 0; i < polls.size(); ++i) {
      if (polls.size() > 1 && !polls[i].revents) continue;
      std::atomic<uint64_t>& queries = *listeners_[i].queries;
      queries.store(queries.load(std::memory_order_relaxed) + batch.answer(polls[i].fd), std::memory_order_relaxed);
    }
  }
}

}  // namespace anyprobe
