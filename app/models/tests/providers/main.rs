//! Every provider in its own wire format, over real HTTP to servers on loopback.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "helpers of tests fail and tell like tests")]

mod chat;
mod embeddings;
mod support;
