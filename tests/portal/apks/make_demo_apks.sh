#!/bin/sh
# Makes the demonstration APKs of this folder: apt-get install aapt apksigner android-framework-res default-jre-headless
set -eu
work=$(mktemp -d)
framework=/usr/share/android-framework-res/framework-res.apk
manifest() { # version code, version name
    cat > "$work/AndroidManifest.xml" <<XML
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="com.example.till"
    android:versionCode="$1" android:versionName="$2">
    <uses-sdk android:minSdkVersion="24" android:targetSdkVersion="29"/>
    <application android:label="Demo till"/>
</manifest>
XML
}
package() { # out, version code, version name
    manifest "$2" "$3"
    rm -f "$work/$1.apk"
    mkdir -p "$work/assets" && printf 'demonstration %s\n' "$3" > "$work/assets/note.txt"
    aapt package -f -M "$work/AndroidManifest.xml" -A "$work/assets" -I "$framework" -F "$work/$1.apk" >/dev/null
}
key() { # name, algorithm options
    name=$1; shift
    keytool -genkeypair -keystore "$work/$name.p12" -storetype PKCS12 -storepass demo-password -alias demo \
        -dname "CN=MPAC demonstration $name" -validity 36500 "$@" 2>/dev/null
}
sign() { # in, out, key, options
    in=$1 out=$2 name=$3; shift 3
    apksigner sign --ks "$work/$name.p12" --ks-pass pass:demo-password --ks-key-alias demo \
        --in "$work/$in.apk" --out "$out" "$@"
    rm -f "$out.idsig"
}
key signer -keyalg EC -groupname secp256r1
key stranger -keyalg RSA -keysize 2048
for code in 1 2 3; do package "till-$code" "$code" "1.$code"; done
sign till-1 v1-only.apk signer --v1-signing-enabled true --v2-signing-enabled false --v3-signing-enabled false --min-sdk-version 24
sign till-1 v2.apk signer --v1-signing-enabled false --v2-signing-enabled true --v3-signing-enabled false
sign till-2 v3.apk signer --v1-signing-enabled false --v2-signing-enabled false --v3-signing-enabled true --min-sdk-version 28
sign till-3 v2-v3.apk signer --v1-signing-enabled false --v2-signing-enabled true --v3-signing-enabled true
sign till-3 stranger.apk stranger --v1-signing-enabled false --v2-signing-enabled true --v3-signing-enabled true
rm -r "$work"
