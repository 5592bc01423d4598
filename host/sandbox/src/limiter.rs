//! Memory, tables and instances of one call, all of a kind counted together. Per-memory limits alone would let a
//! component multiply them by having many memories.

use coworker_core::Limits;
use wasmtime::ResourceLimiter;

use crate::error::{Which, is_of_the_machine};

/// What a call holds and may hold.
#[derive(Debug)]
pub(crate) struct Budget {
    memory: usize,
    memory_most: usize,
    memory_peak: usize,
    elements: usize,
    elements_most: usize,
    memories: usize,
    instances: usize,
    /// What the engine was last allowed to add, in case it then fails to.
    pending: usize,
    /// What was refused last. A guest may live with a refusal; when it traps instead, this says why.
    refused: Option<Which>,
    /// Whether the machine had less than the guest was allowed.
    starved: bool,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_most: limits.memory.len(),
            memory_peak: 0,
            elements: 0,
            elements_most: limits.table_elements as usize,
            memories: limits.memories as usize,
            instances: limits.instances as usize,
            pending: 0,
            refused: None,
            starved: false,
        }
    }

    /// Returns the most memory that was held at one time.
    pub(crate) fn memory_peak(&self) -> usize {
        self.memory_peak
    }

    /// Returns whether the machine had no memory that the guest was allowed to have.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved
    }

    /// Returns what the guest asked for last and did not get.
    pub(crate) fn refused(&self) -> Option<Which> {
        self.refused
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.pending = 0;
        let more = desired.saturating_sub(current);
        let total = self.memory.saturating_add(more);
        if total > self.memory_most {
            self.refused = Some(Which::Memory);
            return Ok(false);
        }
        if maximum.is_some_and(|most| desired > most) {
            // The engine refuses this by itself, without telling.
            return Ok(true);
        }
        self.memory = total;
        self.memory_peak = self.memory_peak.max(total);
        self.pending = more;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "a memory did not grow");
        self.starved |= is_of_the_machine(&error);
        self.memory = self
            .memory
            .saturating_sub(std::mem::take(&mut self.pending));
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.pending = 0;
        let more = desired.saturating_sub(current);
        let total = self.elements.saturating_add(more);
        if total > self.elements_most {
            self.refused = Some(Which::TableElements);
            return Ok(false);
        }
        if maximum.is_some_and(|most| desired > most) {
            return Ok(true);
        }
        self.elements = total;
        self.pending = more;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "a table did not grow");
        self.starved |= is_of_the_machine(&error);
        self.elements = self
            .elements
            .saturating_sub(std::mem::take(&mut self.pending));
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 65_536;

    fn budget() -> Budget {
        Budget::new(&Limits {
            memory: coworker_core::Bytes(4 * PAGE as u64),
            table_elements: 10,
            ..Limits::default()
        })
    }

    #[test]
    fn memories_share_one_limit() -> wasmtime::Result<()> {
        let mut budget = budget();
        assert!(budget.memory_growing(0, 2 * PAGE, None)?);
        assert!(budget.memory_growing(0, 2 * PAGE, None)?);
        assert_eq!(budget.refused(), None);
        assert!(!budget.memory_growing(2 * PAGE, 3 * PAGE, None)?);
        assert_eq!(budget.refused(), Some(Which::Memory));
        assert_eq!(budget.memory_peak(), 4 * PAGE);
        Ok(())
    }

    #[test]
    fn what_did_not_grow_is_given_back() -> wasmtime::Result<()> {
        let mut budget = budget();
        assert!(budget.memory_growing(0, 4 * PAGE, None)?);
        budget.memory_grow_failed(wasmtime::Error::msg("no pages"))?;
        assert!(budget.memory_growing(0, 4 * PAGE, None)?);
        // Beyond its own maximum a memory never grows, so nothing is counted.
        let mut budget = self::budget();
        assert!(budget.memory_growing(0, 4 * PAGE, Some(PAGE))?);
        budget.memory_grow_failed(wasmtime::Error::msg("maximum"))?;
        assert!(budget.memory_growing(0, 4 * PAGE, None)?);
        Ok(())
    }

    #[test]
    fn tables_share_one_limit() -> wasmtime::Result<()> {
        let mut budget = budget();
        assert!(budget.table_growing(0, 6, None)?);
        assert!(!budget.table_growing(0, 5, None)?);
        assert_eq!(budget.refused(), Some(Which::TableElements));
        assert!(budget.table_growing(6, 10, None)?);
        Ok(())
    }
}
