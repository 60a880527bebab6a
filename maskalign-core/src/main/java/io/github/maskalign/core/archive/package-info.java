/** Labelled pictures in the forms in which picture sets are published: folders, zip, tar of tars, WebDataset. */
@NullMarked
package io.github.maskalign.core.archive;

import org.jspecify.annotations.NullMarked;
