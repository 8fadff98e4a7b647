//! One record: read with its other fields untouched, written with its scores.

mod columns;
pub(super) mod flags;
mod head;
mod lines;
mod read;
pub(super) mod table;

use std::cell::RefCell;

use prompt_core::{Batch, Error, Result, Scratch};
use prompt_data::Fields;
use prompt_data::read::JsonlText;

use self::columns::twice;
pub(crate) use self::columns::{COLUMNS, column_twice};
use self::head::Named;
pub use self::head::number_names;
pub(super) use self::lines::write_error;
pub(super) use self::read::Record;
pub use self::table::SET_SEPARATOR;
use crate::aside::{Aside, AsideMemory, Said};
use crate::pipeline::LoadedModel;

/// The fields that an output line sets itself; an input's own ones would come twice.
const OWN: &[&str] = &["label", "probabilities", "confidence", "score", "true_label", "flags"];

/// Records that are scored together where that is faster: enough for batches of like lengths, few enough to be held.
const TOGETHER: usize = 512;

/// Writes records with the scores of one model.
pub(super) struct RecordWriter<'m> {
    model: &'m LoadedModel,
    fields: Fields,
    explain: JsonlText,
    /// The head whose label is the record's, and those beside it.
    first: Named,
    further: Vec<Named>,
    /// What the model says beside its scores.
    aside: Option<Aside<'m>>,
}

impl<'m> RecordWriter<'m> {
    pub(super) fn new(model: &'m LoadedModel, fields: &Fields) -> Result<Self> {
        let mut heads = model.scorer.heads().iter().map(Named::of).collect::<Result<Vec<_>>>()?.into_iter();
        let first = heads.next().ok_or_else(|| {
            Error::unsupported("prompt predict", "a model without heads", "take another model")
        })?;
        let explain = JsonlText::new(fields.clone())?;
        let further: Vec<Named> = heads.collect();
        if let Some(several) = further.iter().find(|head| head.numbers.len() > 1) {
            return Err(Error::unsupported(
                "prompt predict",
                format!("the further head `{}` of several numbers", several.name),
                "take a model whose further heads are classes or one number",
            ));
        }
        let taken =
            |name: &&String| OWN.contains(&name.as_str()) || ["text", "heads"].contains(&name.as_str());
        if let Some(name) = first.numbers.iter().filter(|_| first.numbers.len() > 1).find(taken) {
            return Err(Error::unsupported(
                "prompt predict",
                format!("a number called `{name}`, as a field of every answer is"),
                "name it otherwise in the model's `id2label`",
            ));
        }
        let aside = Aside::of(&*model.scorer).filter(|aside| aside.column().is_some());
        Ok(Self { model, fields: fields.clone(), explain, first, further, aside })
    }

    /// The same for a table, in which every column has a name of its own. (In JSON lines further heads are kept apart.)
    pub(super) fn of_table(model: &'m LoadedModel, fields: &Fields) -> Result<Self> {
        let writer = Self::new(model, fields)?;
        let own = writer.answer_columns().into_iter().map(|(name, _)| name);
        match twice(own) {
            None => Ok(writer),
            Some(name) => Err(Error::unsupported(
                "a table of answers",
                format!("heads of which two columns would be called `{name}`"),
                "write JSON lines, where each head stands under its name, or train the head under another one",
            )),
        }
    }

    /// The numbers of one text, head after head: a probability for each class, or the score.
    pub(super) fn scores(&self, text: &str, scratch: &mut Scratch) -> Result<Vec<f64>> {
        let mut scores = vec![0.0; self.width()];
        self.model.scorer.score_text(text, scratch, &mut scores)?;
        Ok(scores)
    }

    /// How many records are to be scored together.
    pub(super) fn together(&self) -> usize {
        if self.model.scorer.in_batches() { TOGETHER } else { 1 }
    }

    /// The same of several texts, each of which may fail by itself.
    pub(super) fn scores_of(&self, texts: &[&str], scratch: &mut Scratch) -> Vec<Result<Vec<f64>>> {
        if texts.len() > 1
            && let Ok(heads) = self.model.scorer.score(Batch::Texts(&texts.to_vec()))
        {
            let of = |i| heads.iter().flat_map(|head| head.row(i)).copied().collect();
            return (0..texts.len()).map(|i| Ok(of(i))).collect();
        }
        texts.iter().map(|text| self.scores(text, scratch)).collect()
    }

    /// How many numbers a text has.
    fn width(&self) -> usize {
        self.first.width() + self.further.iter().map(Named::width).sum::<usize>()
    }

    /// What the model says of a text beside its scores.
    fn said(&self, text: &str, scores: &[f64]) -> Option<Said> {
        thread_local! {
            static MEMORY: RefCell<AsideMemory> = RefCell::default();
        }
        let aside = self.aside.as_ref()?;
        MEMORY.with_borrow_mut(|memory| aside.of_text(&*self.model.scorer, (text, scores), memory))
    }

    fn set_names(&self, codes: &[u32]) -> Vec<&str> {
        let classes = self.first.classes.as_ref();
        codes.iter().filter_map(|&code| classes.map(|classes| classes.name(code))).collect()
    }
}
