// The request socket: numbering requests, and reading acknowledgements and dumps back. The kernel works rtnetlink off
// inside sendmsg, so an answer is there when sendmsg returns and a receive never waits.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "netlink.h"

namespace anyprobe {

namespace {

// The kernel makes dump buffers as large as the largest receive so far, up to 32 KiB.
constexpr size_t kReceiveBytes = 32 * 1024;
constexpr int kMaxDumpAttempts = 5;

}  // namespace

Channel::~Channel() {
  if (fd_ >= 0) ::close(fd_);
}

SystemError Channel::open() {
  if (fd_ >= 0) return {};
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol_);
  if (fd < 0) return {errno, "socket AF_NETLINK"};
  const int on = 1;
  // Both are savings only: filtered dumps, and acknowledgements without the request's text. Old kernels lack them.
  ::setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  ::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  sockaddr_nl name{};
  name.nl_family = AF_NETLINK;
  socklen_t length = sizeof name;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length)) {
    const int code = errno;
    ::close(fd);
    return {code, "bind AF_NETLINK"};
  }
  fd_ = fd;
  port_id_ = name.nl_pid;
  buffer_.resize(kReceiveBytes);
  return {};
}

SystemError Channel::send(Requests& batch) {
  if (const SystemError error = open()) return error;
  first_sequence_ = sequence_;
  sequence_ += static_cast<uint32_t>(batch.count());
  for (size_t at = 0; at < batch.size();) {
    auto* header = reinterpret_cast<nlmsghdr*>(batch.data() + at);
    header->nlmsg_seq += first_sequence_;
    at += NLMSG_ALIGN(header->nlmsg_len);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (::sendto(fd_, batch.data(), batch.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0) {
    if (errno != EINTR) return {errno, "sendmsg AF_NETLINK"};
  }
  return {};
}

SystemError Channel::receive(size_t& length) {
  for (;;) {
    sockaddr_nl from{};
    socklen_t from_length = sizeof from;
    auto* name = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(fd_, buffer_.data(), buffer_.size(), 0, name, &from_length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {errno, "recvmsg AF_NETLINK"};
    if (from.nl_pid != 0) continue;  // Only the kernel is believed.
    length = static_cast<size_t>(got);
    return {};
  }
}

SystemError Channel::request(Requests& batch, std::vector<int>& codes) {
  codes.assign(batch.count(), 0);
  if (batch.count() == 0) return {};
  if (const SystemError error = send(batch)) return error;
  for (size_t acknowledged = 0; acknowledged < batch.count();) {
    size_t length = 0;
    if (const SystemError error = receive(length)) return error;
    auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data());
    auto left = static_cast<int>(length);
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      const auto* answer = body_of<nlmsgerr>(*header);
      const uint32_t index = header->nlmsg_seq - first_sequence_;
      // Anything else is a late answer to a request that was given up.
      if (header->nlmsg_type != NLMSG_ERROR || !answer || index >= batch.count()) continue;
      codes[index] = errno_of(answer->error);
      acknowledged++;
    }
  }
  return {};
}

SystemError Channel::dump(Requests& batch, const std::function<void()>& restart,
                    const std::function<void(const nlmsghdr&)>& each) {
  for (int attempt = 1;; attempt++) {
    Requests copy = batch;
    restart();
    if (const SystemError error = send(copy)) return error;
    bool interrupted = false;
    if (const SystemError error = read_dump(interrupted, each)) return error;
    if (!interrupted) return {};
    if (attempt == kMaxDumpAttempts) return {EAGAIN, "recvmsg AF_NETLINK"};
  }
}

SystemError Channel::read_dump(bool& interrupted, const std::function<void(const nlmsghdr&)>& each) {
  for (;;) {
    size_t length = 0;
    if (const SystemError error = receive(length)) return error;
    auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data());
    auto left = static_cast<int>(length);
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_seq != first_sequence_) continue;
      if (header->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (header->nlmsg_type == NLMSG_DONE) {
        const auto* code = body_of<int>(*header);
        return code && *code < 0 ? SystemError{errno_of(*code), "recvmsg dump"} : SystemError{};
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* answer = body_of<nlmsgerr>(*header);
        return {answer ? errno_of(answer->error) : EPROTO, "sendmsg dump"};
      }
      each(*header);
    }
  }
}

}  // namespace anyprobe
