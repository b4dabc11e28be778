#include "manner.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "../../native/answerer.h"
#include "../../native/clock.h"
#include "host.h"

namespace anyprobe::bench {
namespace {

constexpr unsigned kBatch = 64;
constexpr size_t kMostOctets = 2048;
constexpr size_t kControlOctets = 128;
constexpr double kWindowMs = 50;
constexpr int64_t kLookNs = 100 * kNsPerMs;

int64_t ns_of(double ms) { return static_cast<int64_t>(ms * kNsPerMs); }

// Bucket gives a token for each 1/rate s that passed, and keeps `burst_ms` worth of them.
class Bucket {
 public:
  Bucket(double qps, double burst_ms)
      : per_ns_(qps / kNsPerSecond), most_(std::max(1.0, qps * burst_ms / 1000)), tokens_(most_) {}

  bool take(int64_t now_ns) {
    if (per_ns_ <= 0) return true;
    // Stamps of a batch are in order, but for those taken on different cores.
    if (now_ns > last_ns_) {
      tokens_ = std::min(most_, tokens_ + static_cast<double>(now_ns - last_ns_) * per_ns_);
      last_ns_ = now_ns;
    }
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  const double per_ns_, most_;
  double tokens_;
  int64_t last_ns_ = 0;
};

// Window tells whether more queries came in the last 50 ms than a rate brings: whether the one that would be one too many
// came within them.
class Window {
 public:
  explicit Window(double qps) : times_(static_cast<size_t>(std::max(0.0, qps * kWindowMs / 1000))) {}

  bool over(int64_t now_ns) {
    if (times_.empty()) return false;
    int64_t& oldest = times_[at_];
    at_ = (at_ + 1) % times_.size();
    bool over = oldest != 0 && now_ns - oldest < ns_of(kWindowMs);
    oldest = now_ns;
    return over;
  }

 private:
  std::vector<int64_t> times_;
  size_t at_ = 0;
};

struct Delayed {
  int64_t due_ns;
  Peer peer;
  std::vector<uint8_t> octets, control;
};

class Server {
 public:
  Server(int fd, const Peer& address, const Manner& manner)
      : fd_(fd),
        ipv6_(address.ipv6()),
        every_address_(is_wildcard(address)),
        manner_(manner),
        limit_(manner.limit_qps, manner.burst_ms),
        polite_(manner.refuse_above_qps, manner.burst_ms),
        window_(manner.delay_above_qps) {
    set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    timeval at_once{0, 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &at_once, sizeof(at_once));
  }

  Told serve(const volatile sig_atomic_t& ending) {
    const int64_t start = monotonic_ns();
    const int64_t every = ns_of(manner_.freeze_every_ms), frozen = ns_of(manner_.freeze_ms);
    int64_t freeze_at = frozen > 0 ? start + every - frozen : INT64_MAX;
    while (!ending) {
      int64_t now = monotonic_ns();
      if (now >= freeze_at) {
        sleep_until(freeze_at + frozen);
        freeze_at += every;
        ++told_.freezes;
        continue;
      }
      send_due(now);
      int64_t until = std::min(now + kLookNs, freeze_at);
      if (!delayed_.empty()) until = std::min(until, delayed_.front().due_ns);
      if (!readable(until - now)) continue;
      receive();
    }
    return told_;
  }

 private:
  static void sleep_until(int64_t ns) {
    timespec at{ns / kNsPerSecond, ns % kNsPerSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
  }

  bool readable(int64_t for_ns) const {
    pollfd wanted{fd_, POLLIN, 0};
    for_ns = std::max<int64_t>(for_ns, 0);
    timespec most{for_ns / kNsPerSecond, for_ns % kNsPerSecond};
    return ppoll(&wanted, 1, &most, nullptr) > 0;
  }

  void receive() {
    for (unsigned i = 0; i < kBatch; ++i) {
      vectors_[i] = {octets_[i], kMostOctets};
      headers_[i].msg_hdr = {&peers_[i], sizeof(peers_[i]), &vectors_[i], 1, control_[i], kControlOctets, 0};
    }
    int got = recvmmsg(fd_, headers_, kBatch, MSG_DONTWAIT, nullptr);
    if (got <= 0) return;
    // What is answered at once moves to the front, in place.
    unsigned answers = 0;
    const int64_t offset = realtime_offset_ns();
    for (int i = 0; i < got; ++i) {
      if (!answered(headers_[i], offset)) continue;
      std::swap(headers_[answers++], headers_[i]);
    }
    for (unsigned sent = 0; sent < answers;) {
      int more = sendmmsg(fd_, headers_ + sent, answers - sent, 0);
      sent += more > 0 ? static_cast<unsigned>(more) : 1;
    }
  }

  // answered makes an answer of a query and tells whether it leaves now.
  bool answered(mmsghdr& message, int64_t offset) {
    msghdr& header = message.msg_hdr;
    auto* octets = static_cast<uint8_t*>(header.msg_iov->iov_base);
    const int64_t at = arrival(header, offset);
    ++told_.queries;
    const bool late = window_.over(at);
    if (message.msg_len < 12 || !limit_.take(at)) {
      ++told_.dropped;
      return false;
    }
    octets[2] |= 0x80;
    if (manner_.truncate) octets[2] |= 0x02;
    if (!polite_.take(at)) {
      ++told_.refused;
      octets[3] = static_cast<uint8_t>((octets[3] & 0xf0) | manner_.rcode);
    }
    header.msg_iov->iov_len = message.msg_len;
    header.msg_controllen = every_address_ ? keep_source(header, ipv6_) : 0;
    if (!late) return true;
    ++told_.delayed;
    const auto* control = static_cast<const uint8_t*>(header.msg_control);
    Delayed one{at + ns_of(manner_.delay_ms), {}, {octets, octets + message.msg_len}, {}};
    std::memcpy(&one.peer, header.msg_name, header.msg_namelen);
    one.control.assign(control, control + header.msg_controllen);
    delayed_.push_back(std::move(one));
    return false;
  }

  // arrival is when the kernel got a query; CLOCK_MONOTONIC.
  static int64_t arrival(msghdr& header, int64_t offset) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
      return to_ns(stamp) - offset;
    }
    return monotonic_ns();
  }

  void send_due(int64_t now) {
    while (!delayed_.empty() && delayed_.front().due_ns <= now) {
      Delayed& one = delayed_.front();
      iovec vector{one.octets.data(), one.octets.size()};
      msghdr header{&one.peer, one.peer.size(), &vector, 1, one.control.data(), one.control.size(), 0};
      sendmsg(fd_, &header, 0);
      delayed_.pop_front();
    }
  }

  const int fd_;
  const bool ipv6_, every_address_;
  const Manner manner_;
  Bucket limit_, polite_;
  Window window_;
  std::deque<Delayed> delayed_;  // all wait equally long: in order
  Told told_;
  uint8_t octets_[kBatch][kMostOctets];
  iovec vectors_[kBatch];
  Peer peers_[kBatch];
  mmsghdr headers_[kBatch];
  alignas(cmsghdr) uint8_t control_[kBatch][kControlOctets];
};

}  // namespace

Told behave(int fd, const Peer& address, const Manner& manner, const volatile sig_atomic_t& ending) {
  return std::make_unique<Server>(fd, address, manner)->serve(ending);
}

}  // namespace anyprobe::bench
