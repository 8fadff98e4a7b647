//! Networks of prompt-neural by name.

use std::path::PathBuf;
use std::sync::Arc;

use prompt_core::{Error, FitContext, Legal, ParamSpec, Params, Result, Target, Texts, Values};
use prompt_encoder::{Classifier, Options, SavedAs};
use prompt_neural::{
    BiLstm, Burn, Cnn, FineTune, Hybrid, Lstm, TaskSpec, TextNetwork, TrainFiles, Transformer,
};
use serde_json::Value;

use super::{ENCODER, FittedNetwork, FurtherTask, Traces, unknown};

/// The parameter that names an encoder's folder.
const FROM: &str = "from";

/// The parameter that says how an encoder's numbers are saved.
const SAVED_AS: &str = "saved_as";

/// A network before it has seen any text.
#[derive(Debug, Clone, PartialEq)]
pub struct Network(Kind);

#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made for a whole training: its size costs nothing, a box would stand at every use"
)]
enum Kind {
    Cnn(Cnn),
    Lstm(Lstm),
    BiLstm(BiLstm),
    Transformer(Transformer),
    Hybrid(Hybrid),
    Encoder { from: Option<PathBuf>, saved_as: SavedAs, params: FineTune },
}

/// Does the same with whichever network trained from nothing it is, else what is said of the encoder.
macro_rules! each {
    ($kind:expr, $network:ident => $same:expr, ($from:ident, $params:ident) => $encoder:expr) => {
        match $kind {
            Kind::Cnn($network) => $same,
            Kind::Lstm($network) => $same,
            Kind::BiLstm($network) => $same,
            Kind::Transformer($network) => $same,
            Kind::Hybrid($network) => $same,
            Kind::Encoder { from: $from, saved_as: _, params: $params } => $encoder,
        }
    };
}

impl Network {
    /// The network of this name, with its defaults.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn named(name: &str) -> Result<Self> {
        Ok(Self(match name {
            Cnn::NAME => Kind::Cnn(Cnn::default()),
            Lstm::NAME => Kind::Lstm(Lstm::default()),
            BiLstm::NAME => Kind::BiLstm(BiLstm::default()),
            Transformer::NAME => Kind::Transformer(Transformer::default()),
            Hybrid::NAME => Kind::Hybrid(Hybrid::default()),
            ENCODER => Kind::Encoder { from: None, saved_as: SavedAs::F32, params: FineTune::default() },
            _ => return Err(unknown(name)),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        fn of<P: Params>(_: &P) -> &'static str {
            P::NAME
        }
        each!(&self.0, network => of(network), (_f, _p) => ENCODER)
    }

    /// Its parameters with their ranges and defaults. An encoder has those of [`FineTune`], `from`, its folder, and
    /// `saved_as`, the type of its saved numbers ([`SavedAs`]).
    pub fn specs(&self) -> Vec<ParamSpec> {
        fn of<P: Params>(_: &P) -> Vec<ParamSpec> {
            P::specs()
        }
        each!(&self.0, network => of(network), (_f, params) => {
            let saved_as = ParamSpec {
                name: SAVED_AS,
                doc: "The type of the saved numbers: f16 halves the file, int8 quarters it. What is measured is what was saved.",
                legal: Legal::OneOf(&SavedAs::NAMES),
                default: SavedAs::F32.name().into(),
            };
            let mut specs = vec![ParamSpec {
                name: FROM,
                doc: "The Hugging Face folder that it begins with, or `hub:org/name`.",
                legal: Legal::Any("the path of a folder, or hub:org/name"),
                default: Value::Null,
            }, saved_as];
            specs.extend(of(params));
            specs
        })
    }

    /// Its parameters.
    pub fn params(&self) -> Value {
        each!(&self.0, network => serde_json::to_value(network).unwrap_or_default(), (from, params) => {
            let mut all = serde_json::Map::new();
            all.insert(FROM.to_owned(), from.as_ref().map(|path| path.display().to_string()).into());
            all.insert(SAVED_AS.to_owned(), self.saved_as().name().into());
            if let Ok(Value::Object(params)) = serde_json::to_value(params) {
                all.extend(params);
            }
            Value::Object(all)
        })
    }

    /// With one parameter set.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Param`].
    pub fn with_param(&self, name: &str, value: &Value) -> Result<Self> {
        Ok(Self(match &self.0 {
            Kind::Cnn(p) => Kind::Cnn(p.with_param(name, value)?),
            Kind::Lstm(p) => Kind::Lstm(p.with_param(name, value)?),
            Kind::BiLstm(p) => Kind::BiLstm(p.with_param(name, value)?),
            Kind::Transformer(p) => Kind::Transformer(p.with_param(name, value)?),
            Kind::Hybrid(p) => Kind::Hybrid(p.with_param(name, value)?),
            Kind::Encoder { from, params, .. } if name == SAVED_AS => {
                let told = value.as_str().map(SavedAs::named).transpose().ok().flatten();
                let legal = format!("one of {}", SavedAs::NAMES.join(", "));
                let saved_as =
                    told.ok_or_else(|| Error::param(ENCODER, SAVED_AS, legal, value.to_string()))?;
                Kind::Encoder { from: from.clone(), saved_as, params: params.clone() }
            }
            Kind::Encoder { params, saved_as, .. } if name == FROM => {
                let path = value.as_str().ok_or_else(|| {
                    Error::param(ENCODER, FROM, "the path of a folder, or hub:org/name", value.to_string())
                })?;
                Kind::Encoder { from: Some(path.into()), saved_as: *saved_as, params: params.clone() }
            }
            Kind::Encoder { from, saved_as, params } => match params.with_param(name, value) {
                Ok(params) => Kind::Encoder { from: from.clone(), saved_as: *saved_as, params },
                Err(Error::Unknown { kind, name, mut known }) => {
                    known.splice(0..0, [FROM.to_owned(), SAVED_AS.to_owned()]);
                    return Err(Error::Unknown { kind, name, known });
                }
                Err(error) => return Err(error),
            },
        }))
    }

    /// What can be said before data is read: whether an encoder has a folder. An encoder of the hub is fetched here
    /// ([`hub::folder`](crate::hub::folder)).
    ///
    /// # Errors
    /// [`Error::Input`]; as [`hub::folder`](crate::hub::folder).
    pub fn check(&self) -> Result<()> {
        match &self.0 {
            Kind::Encoder { .. } => self.folder().map(drop),
            _ => Ok(()),
        }
    }

    /// How the numbers of an encoder are saved.
    fn saved_as(&self) -> SavedAs {
        match &self.0 {
            Kind::Encoder { saved_as, .. } => *saved_as,
            _ => SavedAs::F32,
        }
    }

    /// The folder of an encoder.
    fn folder(&self) -> Result<PathBuf> {
        let Kind::Encoder { from, .. } = &self.0 else { return Err(unknown(self.name())) };
        let Some(from) = from else {
            return Err(Error::input(
                "an encoder is fine-tuned from a Hugging Face folder, and none is named",
                "name it with --from DIR (in a configuration `from`), or hub:org/name",
            ));
        };
        let folder = crate::hub::folder(from)?;
        if !folder.join("config.json").is_file() {
            return Err(Error::input(
                format!("{} is no Hugging Face folder: it has no config.json", folder.display()),
                "name a folder with config.json, the weights and the tokenizer's files",
            ));
        }
        Ok(folder)
    }

    /// Learns from texts. Events are those of [`TextNetwork::fit`].
    ///
    /// A fine-tuned encoder is handed to prompt-encoder, which scores it faster than the network that was trained and
    /// saves the checkpoint as it is. It scores the numbers as they are saved, so that a small type's loss is measured.
    ///
    /// # Errors
    /// As [`check`](Self::check) and [`TextNetwork::fit_in`]; [`FineTune::fit_in`] for an encoder.
    pub fn fit(
        &self,
        texts: &dyn Texts,
        y: &Target,
        ctx: &FitContext,
        traces: &Traces,
    ) -> Result<FittedNetwork> {
        self.fit_tasks(texts, y, &[], ctx, traces)
    }

    /// As [`fit`](Self::fit), with further targets of the same texts, each a head of its own over one encoder. The
    /// first is called `class`, or `score` for numbers.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::Unsupported`] for a network that has one head.
    pub fn fit_tasks(
        &self,
        texts: &dyn Texts,
        y: &Target,
        further: &[FurtherTask<'_>],
        ctx: &FitContext,
        traces: &Traces,
    ) -> Result<FittedNetwork> {
        self.check()?;
        if !further.is_empty() && !matches!(self.0, Kind::Encoder { .. }) {
            let help = "take the model `encoder`, or leave the further fields out";
            return Err(Error::unsupported(format!("the network `{}`", self.name()), "further fields", help));
        }
        let mut files = TrainFiles::default().resume(traces.resume);
        if let Some(log) = &traces.log {
            files = files.log(log);
        }
        if let Some(folder) = &traces.checkpoints {
            files = files.checkpoints(folder);
        }
        each!(&self.0, network => {
            let fitted = network.fit_in(texts, y, ctx, &files)?;
            let cut = fitted.cut_in_fit();
            Ok(FittedNetwork { scorer: Arc::new(fitted), cut })
        }, (_f, params) => {
            let name = if matches!(y.values(), Values::Regression(_)) { "score" } else { "class" };
            let mut tasks = vec![TaskSpec::new(name, y)];
            tasks.extend(further.iter().map(|t| TaskSpec::new(t.name, t.target).weight(t.weight)));
            let fitted = params.fit_tasks_in(self.folder()?, texts, &tasks, ctx, &files)?;
            let cut = fitted.cut_in_fit();
            let options = Options::default().threads(ctx.thread_budget()).fallback(Burn::default());
            let scorer = Classifier::open_written(|folder| fitted.save(folder, self.saved_as()), &options)?;
            Ok(FittedNetwork { scorer: Arc::new(scorer), cut })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::NAMES;
    use super::*;

    #[test]
    fn every_name_has_a_network() {
        for name in NAMES {
            let network = Network::named(name).unwrap();
            assert_eq!(network.name(), name);
            let params = network.params();
            assert!(network.specs().iter().all(|s| params.get(s.name) == Some(&s.default)), "{name}");
            let error = network.with_param("sugar", &1.into()).unwrap_err().to_string();
            assert!(error.contains("unknown parameter `sugar`"), "{error}");
        }
        assert!(Network::named("perceptron").is_err());
    }

    #[test]
    fn an_encoder_says_what_it_lacks() {
        let encoder = Network::named(ENCODER).unwrap();
        assert!(encoder.check().unwrap_err().to_string().contains("--from DIR"));
        let encoder = encoder.with_param(FROM, &"no/such/folder".into()).unwrap();
        assert!(
            encoder.check().unwrap_err().to_string().contains("no/such/folder is no Hugging Face folder")
        );
        assert!(
            encoder.with_param(FROM, &7.into()).unwrap_err().to_string().contains("the path of a folder")
        );
        assert!(
            encoder
                .with_param("sugar", &1.into())
                .unwrap_err()
                .to_string()
                .contains("known: from, saved_as, pooling")
        );
    }
}
