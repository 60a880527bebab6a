/**
 * Stable Diffusion's autoencoder: pictures to latents and back, from the weights that diffusers publishes or from a
 * TorchScript file.
 */
@NullMarked
package io.github.maskalign.encoders.vae;

import org.jspecify.annotations.NullMarked;
