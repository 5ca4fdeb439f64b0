//! A system whose machines are there at once and do nothing: what the driver costs by itself.

use remuda::TaskId;
use remuda_driver::{CallError, Invocation, Start, StartError, System};
use remuda_worker::wire::Figures;

/// The system.
#[derive(Clone, Copy, Debug)]
pub struct Idle;

impl System for Idle {
    type Machine = ();

    async fn start(&self, _: Start) -> Result<(), StartError> {
        Ok(())
    }

    async fn stopped(&self, (): &()) -> String {
        std::future::pending().await
    }

    async fn stop(&self, (): &()) {}

    fn kill(&self, (): &()) {}

    async fn poll(&self, (): &()) -> Figures {
        // Something: a machine that never answers is lost (F8).
        Figures {
            load: Some([0.0; 3]),
            ..Figures::default()
        }
    }

    async fn call(&self, (): &(), _: Invocation) -> Result<Vec<u8>, CallError> {
        Ok(Vec::new())
    }

    async fn discard(&self, (): &(), _: TaskId) -> Result<(), String> {
        Ok(())
    }
}
