//! The functions of a worker, by name.

use crate::context::Context;
use crate::exec::{self, EXEC};
use crate::wire::Failure;
use serde::{Serialize, de::DeserializeOwned};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most bytes of text that an error sends.
const MAX_TEXT: usize = 64 * 1024;

type Function = Box<dyn Fn(&Context, &[u8]) -> Result<Vec<u8>, Failure> + Send + Sync>;
type Discard = Box<dyn Fn(u64) -> Result<(), String> + Send + Sync>;

/// The functions a worker offers. Their names are what the driver compares with its own list before it uses the worker (S19);
/// arguments and results are of any type that serde knows, sent in postcard.
///
/// Functions run on threads of their own, as many at once as the driver calls. One that fails says so with an error, whose
/// text the caller gets as a *remote error*; so does one that panics, and the worker goes on (unless the program is built with
/// `panic = "abort"`).
///
/// ```
/// use remuda_worker::Registry;
/// use std::io::Write;
///
/// let registry = Registry::new()
///     .function("halve", |x: u64| if x % 2 == 0 { Ok(x / 2) } else { Err(format!("{x} is odd")) })
///     .function_with("greet", |context, name: String| {
///         writeln!(context.stdout(), "Hello, {name}!")?;
///         context.counter("greetings").add(1);
///         Ok::<(), std::io::Error>(())
///     })
///     .exec();
/// assert_eq!(remuda_worker::names(&registry), ["exec", "greet", "halve"]);
/// ```
#[derive(Default)]
pub struct Registry {
    functions: BTreeMap<String, Function>,
    discard: Option<Discard>,
}

/// The names of the functions, sorted, as the hello lists them.
#[must_use]
pub fn names(registry: &Registry) -> Vec<String> {
    registry.functions.keys().cloned().collect()
}

impl Registry {
    /// A registry without functions.
    #[must_use]
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a function of one argument (a tuple, for several).
    ///
    /// # Panics
    /// Where the name is taken: two functions of one name are a mistake in the program.
    #[must_use]
    pub fn function<A, R, E, F>(self, name: impl Into<String>, function: F) -> Registry
    where
        F: Fn(A) -> Result<R, E> + Send + Sync + 'static,
        A: DeserializeOwned,
        R: Serialize,
        E: Display,
    {
        self.function_with(name, move |_, args| function(args))
    }

    /// Adds a function that is given the [`Context`] of its call too.
    ///
    /// # Panics
    /// Where the name is taken: two functions of one name are a mistake in the program.
    #[must_use]
    pub fn function_with<A, R, E, F>(mut self, name: impl Into<String>, function: F) -> Registry
    where
        F: Fn(&Context, A) -> Result<R, E> + Send + Sync + 'static,
        A: DeserializeOwned,
        R: Serialize,
        E: Display,
    {
        self.add(name.into(), move |context: &Context, args| {
            function(context, args).map_err(|error| Failure::Remote(error.to_string()))
        });
        self
    }

    /// Adds the built-in function [`EXEC`], which runs a process.
    ///
    /// # Panics
    /// Where the name is taken.
    #[must_use]
    pub fn exec(mut self) -> Registry {
        self.add(EXEC.into(), exec::run);
        self
    }

    fn add<A, R, F>(&mut self, name: String, function: F)
    where
        F: Fn(&Context, A) -> Result<R, Failure> + Send + Sync + 'static,
        A: DeserializeOwned,
        R: Serialize,
    {
        assert!(
            !self.functions.contains_key(&name),
            "the function {name:?} is registered twice"
        );
        self.functions.insert(name.clone(), typed(name, function));
    }

    /// Says what drops the result of a task that the driver discards (S15). It is called for one task after the other. Without
    /// it every discard succeeds: there is nothing to drop.
    #[must_use]
    pub fn on_discard(
        mut self,
        discard: impl Fn(u64) -> Result<(), String> + Send + Sync + 'static,
    ) -> Registry {
        self.discard = Some(Box::new(discard));
        self
    }

    /// Calls the function of that index in [`names`].
    pub(crate) fn call(
        &self,
        index: u32,
        context: &Context,
        args: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(function) = self.functions.values().nth(index) else {
            let count = self.functions.len();
            return Err(Failure::Remote(format!(
                "there is no function {index}: the worker has {count}"
            )));
        };
        match catch_unwind(AssertUnwindSafe(|| function(context, args))) {
            Ok(result) => result,
            Err(panic) => Err(remote(format!("panicked: {}", panic_text(&*panic)))),
        }
    }

    pub(crate) fn name(&self, index: u32) -> &str {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.functions.keys().nth(index).map_or("?", String::as_str)
    }

    /// Drops the result of a task; the error says why it could not.
    pub(crate) fn discard(&self, task: u64) -> Result<(), String> {
        let Some(discard) = &self.discard else {
            return Ok(());
        };
        catch_unwind(AssertUnwindSafe(|| discard(task)))
            .unwrap_or_else(|panic| Err(format!("panicked: {}", panic_text(&*panic))))
            .map_err(shorten)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("functions", &self.functions.keys())
            .finish_non_exhaustive()
    }
}

/// Wraps a function's types: postcard in, postcard out.
fn typed<A, R, F>(name: String, function: F) -> Function
where
    F: Fn(&Context, A) -> Result<R, Failure> + Send + Sync + 'static,
    A: DeserializeOwned,
    R: Serialize,
{
    Box::new(move |context, args| {
        let args = match postcard::take_from_bytes(args) {
            Ok((args, [])) => args,
            Ok((_, rest)) => {
                return Err(remote(format!(
                    "the argument of {name:?} is too long by {} bytes",
                    rest.len()
                )));
            }
            Err(error) => {
                return Err(remote(format!(
                    "the argument of {name:?} is not of its type: {error}"
                )));
            }
        };
        match function(context, args) {
            Ok(result) => postcard::to_allocvec(&result)
                .map_err(|error| remote(format!("the result of {name:?} cannot be sent: {error}"))),
            // It gave up because it was told to.
            Err(_) if context.is_cancelled() => Err(Failure::Cancelled),
            Err(Failure::Remote(text)) => Err(remote(text)),
            Err(Failure::Machine(text)) => Err(Failure::Machine(shorten(text))),
            Err(Failure::Cancelled) => Err(Failure::Cancelled),
        }
    })
}

fn remote(text: String) -> Failure {
    Failure::Remote(shorten(text))
}

/// Cuts a text that a frame might not hold.
fn shorten(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let length = text.len();
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push_str(&format!("… ({length} bytes)"));
    }
    text
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "with a value that is no text",
    }
}
