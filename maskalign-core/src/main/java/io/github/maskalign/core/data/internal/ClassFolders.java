package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.files.internal.MessageText;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Labels by the first part of the name: the rank of that folder among all, in code unit order. The convention of
 * torchvision's ImageFolder and of REPA's preprocessing.
 */
final class ClassFolders {
    private final List<String> classes;
    private final Map<String, Integer> ranks = new HashMap<>();

    private ClassFolders(List<String> classes) {
        this.classes = classes;
        for (int i = 0; i < classes.size(); i++) {
            ranks.put(classes.get(i), i);
        }
    }

    static ClassFolders of(Path where, Collection<String> pictures) throws PictureSetException {
        TreeSet<String> found = new TreeSet<>();
        for (String name : pictures) {
            int slash = name.indexOf('/');
            if (slash <= 0) {
                throw new PictureSetException(
                        where,
                        "pictures must lie in a folder for each class but " + MessageText.quote(name) + " does not");
            }
            found.add(name.substring(0, slash));
        }
        return new ClassFolders(new ArrayList<>(found));
    }

    List<String> classes() {
        return classes;
    }

    LabelledPicture label(String name) {
        return new LabelledPicture(name, ranks.getOrDefault(name.substring(0, name.indexOf('/')), -1));
    }
}
