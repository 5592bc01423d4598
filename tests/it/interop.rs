//! Hosts and real agents of the published Python package, over one node: the package is unmodified, in a process and
//! with a bridge of its own.

mod agent;
mod calls;
mod claims;
mod clients;
mod defects;
mod hostile;
mod imported;
mod meeting;
mod outage;
mod privacy;
mod prompts;
mod quirks;
mod scene;
mod texts;
