/**
 * SiT the way DJL does things: trained models for {@code Criteria} and {@code Predictor}, and a {@code Dataset} and a
 * {@code Loss} for {@code EasyTrain}.
 */
@NullMarked
package io.github.maskalign.sit.djl;

import org.jspecify.annotations.NullMarked;
