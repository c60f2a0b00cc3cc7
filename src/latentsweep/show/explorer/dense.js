// The networks: dense layers of ReLU units, and what the decoder's outputs mean. Pure functions.
//
//   encoder:  h = relu(x W + b),  mean = h W + b       x: the item in the unit the network was given
//   decoder:  h = relu(z W + b),  parameters = h W + b
//
// A layer is {weight, bias}: a Float32Array [inputs, outputs], row by row, and one [outputs].

/** x W + b: a Float32Array [outputs]. Inputs that are 0, as half of all ReLU units are, cost nothing. */
export const linear = (x, { weight, bias }) => {
  const outputs = bias.length;
  const y = Float32Array.from(bias);
  for (let i = 0; i < x.length; i += 1) {
    const value = Math.fround(x[i]);
    if (value !== 0) addRow(y, value, weight, i * outputs);
  }
  return y;
};

const addRow = (y, value, weight, start) => {
  for (let j = 0; j < y.length; j += 1) y[j] += Math.fround(value * weight[start + j]);
};

const relu = (values) => {
  for (let i = 0; i < values.length; i += 1) if (!(values[i] > 0)) values[i] = 0;
  return values;
};

/** The mean [size] of the code of an item x [features]. */
export const encode = ({ encoder }, x) => linear(relu(linear(x, encoder.hidden)), encoder.mean);

/** The likelihood's parameters [parameters x features] of a code z [size]. */
export const decode = ({ decoder }, z) => linear(relu(linear(z, decoder.hidden)), decoder.output);

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
const softplus = (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
const summed = (values, term) => values.reduce((sum, value, i) => sum + term(value, i), 0);

/** The likelihoods that the page knows: the expected item, and -log p(target | parameters) in nats.
 *  `shared` is what all examples have in common: a Gaussian's variance. */
export const likelihoods = {
  bernoulli: {
    mean: (logits) => logits.map(sigmoid),
    nats: (target, logits) => summed(logits, (logit, i) => softplus(logit) - target[i] * logit),
  },
  gaussian: {
    mean: (means) => means,
    nats: (target, means, shared) =>
      summed(
        means,
        (mean, i) => 0.5 * ((target[i] - mean) ** 2 / shared + Math.log(2 * Math.PI * shared)),
      ),
  },
};
