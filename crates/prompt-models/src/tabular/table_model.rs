//! What scorers of tables share: a model behind the columns of a table, one head, and no single texts.

use prompt_core::{Head, Model};

/// The head of a model of tables: `class` for a classifier, `score` for a regressor.
pub(crate) fn head_of(model: &dyn Model) -> Head {
    let output = model.output().clone();
    let name = if output.classes().is_some() { "class" } else { "score" };
    Head { name: name.into(), output }
}

/// Makes a [`Scorer`](prompt_core::Scorer) of a type that holds `model` and `heads` and whose method `matrix` turns a table
/// into the columns of the model.
macro_rules! scorer_of_tables {
    ($name:ty) => {
        impl prompt_core::Scorer for $name {
            fn heads(&self) -> &[prompt_core::Head] {
                &self.heads
            }

            fn score(
                &self,
                batch: prompt_core::Batch<'_>,
            ) -> prompt_core::Result<Vec<prompt_core::Prediction>> {
                Ok(vec![prompt_core::predict(&*self.model, &self.columns(batch)?)?])
            }

            fn score_text(
                &self,
                _: &str,
                _: &mut prompt_core::Scratch,
                _: &mut [f64],
            ) -> prompt_core::Result<()> {
                Err(prompt_core::Error::unsupported(
                    "a model of tables",
                    "single texts",
                    "give it a file of rows with --input",
                ))
            }

            fn model(&self) -> Option<&dyn prompt_core::Model> {
                Some(&*self.model)
            }

            fn columns(&self, batch: prompt_core::Batch<'_>) -> prompt_core::Result<prompt_core::Matrix> {
                match batch {
                    prompt_core::Batch::Table(table) => self.matrix(table),
                    _ => Err(prompt_core::Error::unsupported(
                        "a model of tables",
                        "this kind of batch",
                        "give it a table",
                    )),
                }
            }
        }
    };
}

pub(crate) use scorer_of_tables;
