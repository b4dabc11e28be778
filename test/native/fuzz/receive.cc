// A whole shard whose kernel is the fuzzer: what its sockets receive, what their error queues quote, and what becomes of its sends
// (linked with --wrap). Answers begin as the queries that were sent, so that ids match, and are changed from there. Input: the
// plan (5), then what each call gives, as the functions below read it. In the end the law must hold: a row for each probe.
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
// After time.h, whose timespec it needs.
#include <linux/errqueue.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <memory>

#include "../../../native/clock.h"
#include "../../../native/shard.h"
#include "../../../native/wire.h"
#include "../check.h"
#include "input.h"

using namespace anyprobe;

namespace {

struct Sent {
  std::vector<uint8_t> query;
  Peer peer;
};

// The kernel that a shard meets. While the shard runs, only its thread is here.
struct Kernel {
  Input input{nullptr, 0};
  std::map<int, void*> sockets;  // what epoll knows them by
  std::deque<Sent> sent;         // the last ones
  std::atomic<bool> silent{false};
};
Kernel kernel;

constexpr size_t kRemembered = 64;

// Octets that arrive: those of a query that was sent, with some changed, or the fuzzer's own.
Sent arriving(uint8_t kind) {
  Sent one;
  if (kernel.sent.empty() || kind & 1) {
    one.query = kernel.input.take(kernel.input.u8());
  } else {
    one = kernel.sent[kernel.input.u8() % kernel.sent.size()];
    if (one.query.size() > 2) one.query[2] |= 0x80;
    for (int changes = kind >> 6; changes > 0; --changes) {
      const size_t at = kernel.input.u8();
      if (at < one.query.size()) one.query[at] = kernel.input.u8();
    }
    if (kind & 2) one.query.resize(kernel.input.u8());
  }
  if (kind & 4) one.peer.v4.sin_port = kernel.input.u8();
  return one;
}

// Adds a control message; the buffer was laid out with room for those that the kernel makes.
template <typename Value>
void put(msghdr* header, size_t* used, int level, int type, const Value& value) {
  if (*used + CMSG_SPACE(sizeof value) > header->msg_controllen) return;
  auto* at = static_cast<uint8_t*>(header->msg_control) + *used;
  const cmsghdr head{CMSG_LEN(sizeof value), level, type};
  std::memcpy(at, &head, sizeof head);
  std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
  *used += CMSG_SPACE(sizeof value);
}

// Copies octets to where a message is received, and tells how many.
size_t deliver(msghdr* header, const std::vector<uint8_t>& octets, const Peer& peer) {
  const size_t length = std::min(octets.size(), header->msg_iov->iov_len);
  std::copy_n(octets.begin(), length, static_cast<uint8_t*>(header->msg_iov->iov_base));
  std::memcpy(header->msg_name, &peer, std::min<size_t>(header->msg_namelen, sizeof peer));
  return length;
}

void receive_one(mmsghdr* message, uint8_t kind) {
  Sent one = arriving(kind);
  std::vector<uint8_t> octets = one.query;
  // As UDP_GRO would: more answers behind it, of whatever length.
  if (kind & 8) {
    for (int more = kernel.input.u8() % 8; more > 0; --more) {
      const Sent next = arriving(kernel.input.u8());
      octets.insert(octets.end(), next.query.begin(), next.query.end());
    }
  }
  message->msg_len = static_cast<unsigned>(deliver(&message->msg_hdr, octets, one.peer));
  size_t used = 0;
  timespec stamp;
  clock_gettime(CLOCK_REALTIME, &stamp);
  if (kind & 16) stamp.tv_sec += static_cast<int8_t>(kernel.input.u8());
  put(&message->msg_hdr, &used, SOL_SOCKET, SCM_TIMESTAMPNS, stamp);
  if (kind & 8) put(&message->msg_hdr, &used, SOL_UDP, UDP_GRO, int{kernel.input.u8()});
  if (kind & 32) put(&message->msg_hdr, &used, SOL_SOCKET, SO_RXQ_OVFL, uint32_t{kernel.input.u8()});
  message->msg_hdr.msg_controllen = used;
}

}  // namespace

extern "C" int __real_epoll_wait(int, epoll_event*, int, int);
extern "C" int __real_epoll_ctl(int, int, int, epoll_event*);
extern "C" int __real_close(int);

extern "C" int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  if (operation == EPOLL_CTL_ADD && event->data.ptr) kernel.sockets[fd] = event->data.ptr;
  return __real_epoll_ctl(epoll, operation, fd, event);
}

// tell_silent says that nothing more will come of this input.
void tell_silent() {
  kernel.silent = true;
  kernel.silent.notify_one();
}

// With its last socket a run is over, as a replay that was answered: then the shard sleeps, whatever input is left.
extern "C" int __wrap_close(int fd) {
  if (kernel.sockets.erase(fd) && kernel.sockets.empty()) tell_silent();
  return __real_close(fd);
}

// While there is input, every socket always has something.
extern "C" int __wrap_epoll_wait(int epoll, epoll_event* events, int most, int timeout_ms) {
  int ready = __real_epoll_wait(epoll, events, most, timeout_ms);
  if (kernel.sockets.empty()) return ready;
  if (kernel.input.left() == 0) {
    tell_silent();
    return ready;
  }
  ready = std::max(ready, 0);
  for (const auto& [fd, data] : kernel.sockets) {
    if (ready == most) break;
    events[ready++] = {EPOLLIN | EPOLLERR, {data}};
  }
  // All of them: the shard believes that more waits, and does not sleep.
  for (; ready < most; ++ready) events[ready] = {0, {kernel.sockets.begin()->second}};
  return ready;
}

// How a send ends (1): most succeed, whole or in part.
extern "C" int __wrap_sendmmsg(int, mmsghdr* messages, unsigned count, int) {
  constexpr int kErrors[] = {EINVAL, EIO, EMSGSIZE, ECONNREFUSED, ENOBUFS, EPERM, ENETUNREACH, EINTR};
  const uint8_t end = kernel.input.u8();
  if (end >= 0xf0) {
    errno = kErrors[end % 8];
    return -1;
  }
  if (end >= 0xe0) count = 1;
  for (unsigned i = 0; i < count; ++i) {
    const msghdr& header = messages[i].msg_hdr;
    const auto* octets = static_cast<const uint8_t*>(header.msg_iov->iov_base);
    size_t length = header.msg_iov->iov_len, segment = length;
    if (const cmsghdr* control = CMSG_FIRSTHDR(&header)) {
      uint16_t each;
      std::memcpy(&each, CMSG_DATA(control), sizeof each);
      segment = each;
    }
    CHECK(segment > 0 || length == 0);
    for (size_t at = 0; at < length; at += segment) {
      Sent one{{octets + at, octets + std::min(at + segment, length)}, {}};
      std::memcpy(&one.peer, header.msg_name, header.msg_namelen);
      kernel.sent.push_back(std::move(one));
      if (kernel.sent.size() > kRemembered) kernel.sent.pop_front();
    }
    messages[i].msg_len = static_cast<unsigned>(length);
  }
  return static_cast<int>(count);
}

// How many packets (1), 7 for an error; and each of them, by its kind (1).
extern "C" int __wrap_recvmmsg(int, mmsghdr* messages, unsigned most, int, timespec*) {
  const unsigned count = std::min<unsigned>(kernel.input.u8() % 8, most);
  if (count == 0 || count == 7) {
    errno = count == 0 ? EAGAIN : ECONNREFUSED;
    return -1;
  }
  for (unsigned i = 0; i < count; ++i) receive_one(&messages[i], kernel.input.u8());
  return static_cast<int>(count);
}

// What the error queue holds (1): nothing, an ICMP error's quote, a transmit stamp.
extern "C" ssize_t __wrap_recvmsg(int, msghdr* header, int) {
  const uint8_t what = kernel.input.u8();
  if (what % 4 == 0) {
    errno = EAGAIN;
    return -1;
  }
  const uint8_t kind = kernel.input.u8();
  const Sent quote = arriving(kind);
  sock_extended_err error{};
  error.ee_errno = kind;
  error.ee_origin = what % 4 == 3 ? SO_EE_ORIGIN_TIMESTAMPING : what >> 6;
  error.ee_data = kernel.input.u8();
  size_t used = 0;
  put(header, &used, IPPROTO_IP, IP_RECVERR, error);
  if (what % 4 == 3) {
    scm_timestamping stamps{};
    clock_gettime(CLOCK_REALTIME, &stamps.ts[0]);
    put(header, &used, SOL_SOCKET, SCM_TIMESTAMPING, stamps);
  }
  const size_t length = deliver(header, quote.query, quote.peer);
  header->msg_controllen = used;
  return static_cast<ssize_t>(length);
}

namespace {

class NoBell : public Bell {
  void wake() override {}
};

// Puts a query into the templates, as src/engine/compile.ts would.
void pack(std::vector<uint8_t>* templates, const std::vector<uint8_t>& query, int16_t id_at, uint16_t question) {
  const PackedTemplate head{static_cast<uint16_t>(query.size()), id_at, question, 0};
  const auto* octets = reinterpret_cast<const uint8_t*>(&head);
  templates->insert(templates->end(), octets, octets + sizeof head);
  templates->insert(templates->end(), query.begin(), query.end());
}

// A DNS query, one with an id elsewhere and one without any go to one to three targets at two ports.
Plan plan_of(Input& input) {
  const uint8_t kinds = input.u8(), pace = input.u8();
  std::vector<uint8_t> dns(kDnsHeader + 20, 'a');
  dns[2] = 1;
  write16(&dns[4], 1);
  std::vector<uint8_t> templates;
  pack(&templates, dns, 0, 20);
  pack(&templates, std::vector<uint8_t>(8, 'b'), 3, 0);
  pack(&templates, std::vector<uint8_t>(6, 'c'), -1, 0);
  std::array<PackedTarget, 3> table{};
  const uint32_t targets = 1 + kinds % 3;
  for (uint32_t i = 0; i < targets; ++i) {
    PackedTarget& target = table[i];
    target.interval_ns = kNsPerMs;
    target.probe = i;
    target.query = (kinds >> 2) % 3u;
    const in_addr loopback{htonl(INADDR_LOOPBACK)};
    std::memcpy(target.address, &loopback, sizeof loopback);
    target.port = static_cast<uint16_t>(53 + i % 2);
    target.family = 4;
  }
  Plan plan;
  Schedule& schedule = plan.schedule;
  if (pace % 3 == 0) schedule.inflight = 1 + (pace >> 2);
  if (pace % 3 == 1) schedule.rate_qps = 1e4 * (1 + (pace >> 2));
  schedule.replay = pace % 3 == 2 && (pace & 0x80);
  schedule.timeout_ns = kinds & 0x80 ? kNsPerSecond : 20 * kNsPerUs;
  schedule.ports = 1 + input.u8() % 4;
  schedule.train = 1 + input.u8() % kLongestTrain;
  schedule.train_ns = kNsPerMs;
  schedule.transmit_stamps = kinds & 0x40;
  CHECK(unpack(templates.data(), templates.size(), reinterpret_cast<const uint8_t*>(table.data()),
               targets * sizeof(PackedTarget), &plan)
            .empty());
  return plan;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t length) {
  kernel.input = Input(octets, length);
  kernel.sockets.clear();
  kernel.sent.clear();
  kernel.silent = false;
  const Plan plan = plan_of(kernel.input);
  ShardOptions options;
  options.ring_rows = 1024;
  options.answer_octets = kernel.input.u8();
  if (kernel.input.left() == 0) return 0;

  std::vector<std::unique_ptr<Run>> runs;
  if (share(1, plan, 1, monotonic_ns(), &runs)) return 0;
  NoBell bell;
  Shard shard(0, options, bell);
  shard.post(std::move(runs[0]));
  kernel.silent.wait(false);
  shard.join();

  uint64_t rows = 0;
  while (shard.ring().read(1024, [&](const Row& row, const uint8_t*) {
    CHECK(row.probe < plan.targets.size() && row.answer_length <= options.answer_octets);
    ++rows;
    return true;
  })) {
  }
  CHECK(rows == shard.count(kSent) && rows == shard.count(kRows));
  return 0;
}
