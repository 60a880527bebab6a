/**
 * The Inception network that FID is defined by, in the form of the 2015 TensorFlow graph with 1008 classes.
 *
 * <p>{@link InceptionExtractor} computes its features natively from the published weights, {@link ScriptedExtractor} from a
 * TorchScript file. Source: Szegedy et al. 2015 (arXiv 1512.00567); what differs from torchvision's network is written in
 * {@code inception.py}.
 */
@NullMarked
package io.github.maskalign.encoders.inception;

import org.jspecify.annotations.NullMarked;
