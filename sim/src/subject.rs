//! What a simulation drives: a manager, the model, or both at once.

use remuda::{Action, Event, Instant, Manager};

use crate::model::{Figures, Model};
use crate::views::same_views;

/// Something that decides like a [`Manager`].
///
/// Implement it for a wrapper of a manager to simulate that.
pub trait Subject {
    /// See [`Manager::handle_into`].
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>);

    /// See [`Manager::next_timeout`].
    fn next_timeout(&self) -> Option<Instant>;

    /// See [`Manager::counts`]; `manager.counts().into()` does.
    fn counts(&self) -> Figures;

    /// Whether all was right so far, when that costs nothing to say.
    ///
    /// # Errors
    /// What was not.
    fn verdict(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether all that can be looked at is as in the model, which was told the same.
    ///
    /// # Errors
    /// What is not.
    fn agrees_in_detail(&self, _model: &Model) -> Result<(), String> {
        Ok(())
    }

    /// See [`Manager::check_invariants`].
    ///
    /// # Errors
    /// What is broken.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Subject for Manager {
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        Manager::handle_into(self, event, now, actions);
    }

    fn next_timeout(&self) -> Option<Instant> {
        Manager::next_timeout(self)
    }

    fn counts(&self) -> Figures {
        Manager::counts(self).into()
    }

    fn agrees_in_detail(&self, model: &Model) -> Result<(), String> {
        same_views(self, model)
    }

    fn check(&self) -> Result<(), String> {
        self.check_invariants().map_err(|broken| broken.to_string())
    }
}

impl Subject for Model {
    fn handle_into(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        Model::handle_into(self, event, now, actions);
    }

    fn next_timeout(&self) -> Option<Instant> {
        Model::next_timeout(self)
    }

    fn counts(&self) -> Figures {
        Model::counts(self)
    }
}
