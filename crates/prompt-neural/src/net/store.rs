//! The numbers that a network learns, by name.
//!
//! Every parameter is a flat tensor with a shape beside it, so that the optimiser, the files and the gradients need to
//! know nothing of layers. Layers keep an [`Id`] and ask for the tensor in the rank they need, which copies nothing.

use burn::tensor::{Device, Tensor, TensorData};
use prompt_core::{Error, Result, Rng, Seed};

use crate::products::Products;

/// One parameter.
#[derive(Debug)]
pub(crate) struct Param {
    /// Its name, as PyTorch would call it.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Whether a file that Python reads has this matrix turned.
    pub(crate) turned: bool,
    /// Whether weight decay pulls it to zero: matrices, not biases and norms.
    pub(crate) decay: bool,
    /// Which layer it belongs to, for rates that differ by layer: 0 is the embedding.
    pub(crate) layer: usize,
    /// Whether it learns.
    pub(crate) trainable: bool,
    value: Tensor<1>,
}

/// Which parameter of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(usize);

impl Id {
    /// Its place in the store.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// All parameters of a network on one device.
#[derive(Debug)]
pub(crate) struct Store {
    params: Vec<Param>,
    device: Device,
    products: Products,
    /// What went wrong while a builder read numbers.
    problem: Option<Error>,
}

/// How a parameter starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Init {
    Zeros,
    Ones,
    /// Even in ±bound.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
}

impl Init {
    fn draw(self, n: usize, rng: &mut Rng) -> Vec<f32> {
        match self {
            Self::Zeros => vec![0.0; n],
            Self::Ones => vec![1.0; n],
            Self::Uniform(bound) => (0..n).map(|_| ((rng.unit() * 2.0 - 1.0) * bound) as f32).collect(),
            Self::Normal(deviation) => (0..n).map(|_| (rng.normal() * deviation) as f32).collect(),
        }
    }
}

impl Store {
    pub(crate) fn new(device: Device) -> Self {
        Self { params: Vec::new(), device, products: Products::F32, problem: None }
    }

    /// The same with factors of this type in the products of layers that ask for it.
    pub(crate) fn with_products(self, products: Products) -> Self {
        Self { products, ..self }
    }

    /// The type of the factors of matrix products.
    pub(crate) fn products(&self) -> Products {
        self.products
    }

    /// Says what a reading builder missed.
    pub(crate) fn complete(self) -> Result<Self> {
        match self.problem {
            None => Ok(self),
            Some(problem) => Err(problem),
        }
    }

    /// The device, with gradients when the parameters have them.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Whether the device is the CPU engine.
    pub(crate) fn on_cpu(&self) -> bool {
        self.device.clone().inner() == Device::flex()
    }

    /// Tokens that are computed at once when predicting. On a CPU few: what lies between two layers then stays in the
    /// cache, and its memory is used again before the allocator gives it back.
    pub(crate) fn tokens_together(&self) -> usize {
        if self.on_cpu() { 1 << 9 } else { 1 << 14 }
    }

    /// A tensor of constants.
    pub(crate) fn constant<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    pub(crate) fn len(&self) -> usize {
        self.params.len()
    }

    pub(crate) fn params(&self) -> &[Param] {
        &self.params
    }

    /// A parameter in the rank of its shape, or with axes of length one merged into others.
    pub(crate) fn get<const D: usize>(&self, id: Id) -> Tensor<D> {
        let param = &self.params[id.0];
        let mut shape = [1; D];
        for (to, from) in shape.iter_mut().rev().zip(param.shape.iter().rev()) {
            *to = *from;
        }
        param.value.clone().reshape(shape)
    }

    /// The flat tensor of parameter `i`.
    pub(crate) fn flat(&self, i: usize) -> &Tensor<1> {
        &self.params[i].value
    }

    /// Puts new numbers into parameter `i`.
    pub(crate) fn set(&mut self, i: usize, values: Vec<f32>) {
        let param = &mut self.params[i];
        let n = values.len();
        let tensor = Tensor::from_data(TensorData::new(values, [n]), &self.device);
        param.value =
            if self.device.is_autodiff() && param.trainable { tensor.require_grad() } else { tensor };
    }

    /// Says whether parameter `i` learns from now on.
    pub(crate) fn set_trainable(&mut self, i: usize, trainable: bool) -> Result<()> {
        if self.params[i].trainable != trainable {
            self.params[i].trainable = trainable;
            let values = self.read(i)?;
            self.set(i, values);
        }
        Ok(())
    }

    /// Puts new numbers into parameter `i`, and says whether it learns.
    pub(crate) fn take_over(&mut self, i: usize, values: Vec<f32>, trainable: bool) {
        self.params[i].trainable = trainable;
        self.set(i, values);
    }

    /// The same parameters on another device.
    pub(crate) fn copied_to(&self, device: &Device) -> Result<Self> {
        let mut copy = Self::new(device.clone()).with_products(self.products);
        for (i, param) in self.params.iter().enumerate() {
            let (name, shape) = (param.name.clone(), param.shape.clone());
            copy.params.push(Param { name, shape, value: param.value.clone(), ..*param });
            copy.set(i, self.read(i)?);
        }
        Ok(copy)
    }

    /// The numbers of parameter `i`.
    pub(crate) fn read(&self, i: usize) -> Result<Vec<f32>> {
        read(self.params[i].value.clone().inner())
    }

    /// Takes the numbers of parameter `i` out, without a copy where nothing else holds them. The parameter has none until
    /// [`set`](Self::set).
    pub(crate) fn take(&mut self, i: usize) -> Result<Vec<f32>> {
        let nothing =
            Tensor::from_data(TensorData::new(Vec::<f32>::new(), [0]), &self.device.clone().inner());
        read(std::mem::replace(&mut self.params[i].value, nothing).inner())
    }

    /// The same numbers without gradients, shared.
    pub(crate) fn frozen(&self) -> Self {
        let still = |p: &Param| Param {
            name: p.name.clone(),
            shape: p.shape.clone(),
            value: p.value.clone().inner(),
            ..*p
        };
        let params = self.params.iter().map(still).collect();
        Self { params, device: self.device.clone().inner(), products: self.products, problem: None }
    }

    /// The same numbers with their gradients, shared.
    pub(crate) fn shared(&self) -> Self {
        let same =
            |p: &Param| Param { name: p.name.clone(), shape: p.shape.clone(), value: p.value.clone(), ..*p };
        let params = self.params.iter().map(same).collect();
        Self { params, device: self.device.clone(), products: self.products, problem: None }
    }

    /// Whether a parameter learns.
    pub(crate) fn learns(&self, id: Id) -> bool {
        self.params[id.0].trainable
    }

    /// The numbers of all parameters.
    pub(crate) fn read_all(&self) -> Result<Vec<Vec<f32>>> {
        (0..self.len()).map(|i| self.read(i)).collect()
    }

    /// Puts numbers into all parameters, in their order.
    ///
    /// # Errors
    /// [`Error::Artifact`] when there are others than this network has.
    pub(crate) fn write_all(&mut self, values: Vec<Vec<f32>>) -> Result<()> {
        let bad =
            |what: String| Error::artifact("weights", what, "the file is of another network or damaged");
        if values.len() != self.len() {
            return Err(bad(format!("{} parameters instead of {}", values.len(), self.len())));
        }
        for (i, numbers) in values.into_iter().enumerate() {
            let param = &self.params[i];
            let expected: usize = param.shape.iter().product();
            if numbers.len() != expected {
                return Err(bad(format!(
                    "`{}` has {} numbers instead of {expected}",
                    param.name,
                    numbers.len()
                )));
            }
            self.set(i, numbers);
        }
        Ok(())
    }
}

/// The numbers of a tensor.
///
/// # Errors
/// When the device failed, such as a GPU out of memory.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor.try_into_vec_as::<f32>().map_err(|e| {
        Error::input(
            format!("the device failed: {e}"),
            "lower batch_size or max_length, or use the device `cpu`",
        )
    })
}

/// Gives the numbers of a parameter by name and shape as the file has it; `None` to start it afresh.
pub(crate) type Read<'a> = &'a dyn Fn(&str, &[usize]) -> Result<Option<Vec<f32>>>;

/// Adds parameters to a store under a path of names. Each is started from its own seed, so that a network that gains a
/// layer keeps the start of the others.
pub(crate) struct Builder<'a> {
    store: &'a mut Store,
    seed: Seed,
    read: Option<Read<'a>>,
    path: String,
    layer: usize,
}

impl<'a> Builder<'a> {
    /// Parameters freshly started.
    pub(crate) fn new(store: &'a mut Store, seed: Seed) -> Self {
        Self { store, seed, read: None, path: String::new(), layer: 0 }
    }

    /// Parameters read from a file. What goes wrong there is said by [`Store::complete`] at the end.
    pub(crate) fn reading(store: &'a mut Store, seed: Seed, read: Read<'a>) -> Self {
        Self { store, seed, read: Some(read), path: String::new(), layer: 0 }
    }

    /// The same below a name.
    pub(crate) fn under(&mut self, name: &str) -> Builder<'_> {
        let path = self.full(name);
        Builder { store: self.store, seed: self.seed, read: self.read, path, layer: self.layer }
    }

    /// The same, to be given another layer.
    pub(crate) fn here(&mut self) -> Builder<'_> {
        let path = self.path.clone();
        Builder { store: self.store, seed: self.seed, read: self.read, path, layer: self.layer }
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The same for parameters of this layer.
    pub(crate) fn at_layer(mut self, layer: usize) -> Self {
        self.layer = layer;
        self
    }

    /// A new parameter. Those of one axis do not decay.
    pub(crate) fn param(&mut self, name: &str, shape: &[usize], init: Init) -> Id {
        let name = self.full(name);
        let values = self.values(&name, shape, init);
        self.push(name, shape.to_vec(), false, values)
    }

    /// A new matrix from `inputs` to `outputs` numbers, kept as \[inputs, outputs\], which a file that Python reads has
    /// as \[outputs, inputs\].
    pub(crate) fn matrix(&mut self, name: &str, inputs: usize, outputs: usize, init: Init) -> Id {
        let name = self.full(name);
        let values = self.values(&name, &[outputs, inputs], init);
        let values = if values.len() == inputs * outputs { turn(&values, outputs, inputs) } else { values };
        self.push(name, vec![inputs, outputs], true, values)
    }

    fn values(&mut self, name: &str, shape: &[usize], init: Init) -> Vec<f32> {
        match self.read.map_or(Ok(None), |read| read(name, shape)) {
            Ok(Some(values)) => values,
            Ok(None) => init.draw(shape.iter().product(), &mut self.seed.derive(name, 0).rng()),
            Err(problem) => {
                self.store.problem.get_or_insert(problem);
                Vec::new()
            }
        }
    }

    fn push(&mut self, name: String, shape: Vec<usize>, turned: bool, values: Vec<f32>) -> Id {
        let n = values.len();
        let device = &self.store.device;
        let tensor = Tensor::from_data(TensorData::new(values, [n]), device);
        self.store.params.push(Param {
            name,
            decay: shape.len() > 1,
            shape,
            turned,
            layer: self.layer,
            trainable: true,
            value: if device.is_autodiff() { tensor.require_grad() } else { tensor },
        });
        Id(self.store.params.len() - 1)
    }
}

/// A matrix of `rows` × `columns` turned.
pub(crate) fn turn(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for (r, row) in values.chunks_exact(columns).enumerate() {
        for (c, v) in row.iter().enumerate() {
            out[c * rows + r] = *v;
        }
    }
    out
}
