//! The product as its users meet it: the real binary over HTTP, a real PostgreSQL, and scripted model providers that
//! speak the real wire formats.

mod access;
mod adopt_index;
mod adoption;
mod artifacts;
mod bad_input;
mod client;
mod connection;
mod database;
mod databases;
mod generations;
mod hostile;
mod interface;
mod library;
mod local;
mod mail;
mod main_path;
mod openai_package;
mod pinecone;
mod privacy;
mod providers;
mod replicas;
mod start;
mod survival;
mod walk;
