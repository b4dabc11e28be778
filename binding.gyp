{
  "targets": [
    {
      "target_name": "anyprobe",
      "sources": [
        "native/addon.cc",
        "native/addon_answerer.cc",
        "native/addon_engine.cc",
        "native/addon_netlink.cc",
        "native/addon_traffic.cc",
        "native/answerer.cc",
        "native/batch.cc",
        "native/credentials.cc",
        "native/engine.cc",
        "native/netlink.cc",
        "native/netlink_channel.cc",
        "native/netlink_watch.cc",
        "native/notify.cc",
        "native/packet_ring.cc",
        "native/plan.cc",
        "native/raw.cc",
        "native/raw_packet.cc",
        "native/run.cc",
        "native/shard.cc",
        "native/shard_receive.cc",
        "native/shard_send.cc",
        "native/socket.cc",
        "native/traffic.cc",
        "native/turns.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17"],
      "cflags_cc": ["-std=c++20", "-O3", "-Wall", "-Wextra", "-fexceptions", "-fvisibility=hidden"]
    }
  ]
}
