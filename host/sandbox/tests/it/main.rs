//! The sandbox against real components. Every guest here comes from `tests/fixtures`, built by `cargo xtask fixtures`.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod files;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod load;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod support;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod wasi;
