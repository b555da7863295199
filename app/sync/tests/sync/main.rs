//! Documents from the upload to the index and back, on a real PostgreSQL. One program, so that it is linked once.

mod adoption;
mod crash;
mod databases;
mod documents;
mod kill;
mod remote;
mod support;
mod switching;
