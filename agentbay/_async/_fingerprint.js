// Returns what pages see of this browser, in the form of a fingerprint. Runs inside a page.
async () => {
  const fromUserAgentData = async () => {
    const data = navigator.userAgentData;
    if (!data) return null;
    const names = [
      'architecture', 'bitness', 'fullVersionList', 'model', 'platformVersion', 'uaFullVersion',
    ];
    const more = await data.getHighEntropyValues(names);
    return { ...more, brands: data.brands, mobile: data.mobile, platform: data.platform };
  };

  const playable = (element, types) =>
    Object.fromEntries(
      Object.entries(types).map(([name, type]) => [name, element.canPlayType(type)]),
    );

  const videoCard = () => {
    const gl = document.createElement('canvas').getContext('webgl');
    const info = gl && gl.getExtension('WEBGL_debug_renderer_info');
    if (!info) return null;
    return {
      renderer: gl.getParameter(info.UNMASKED_RENDERER_WEBGL),
      vendor: gl.getParameter(info.UNMASKED_VENDOR_WEBGL),
    };
  };

  const plugins = () => {
    const typesOf = (plugin) =>
      [...plugin].map(({ type, suffixes, description, enabledPlugin }) => ({
        type, suffixes, description, enabledPlugin: enabledPlugin ? enabledPlugin.name : '',
      }));
    const found = [...navigator.plugins].map((plugin) => ({
      name: plugin.name,
      description: plugin.description,
      filename: plugin.filename,
      mimeTypes: typesOf(plugin),
    }));
    const mimeTypes = [...navigator.mimeTypes].map(
      ({ description, type, suffixes }) => `${description}~~${type}~~${suffixes}`,
    );
    return { plugins: found, mimeTypes };
  };

  const battery = async () => {
    if (!navigator.getBattery) return null;
    const { charging, chargingTime, dischargingTime, level } = await navigator.getBattery();
    const finite = (seconds) => (Number.isFinite(seconds) ? seconds : null);
    return {
      charging, level,
      chargingTime: finite(chargingTime),
      dischargingTime: finite(dischargingTime),
    };
  };

  const multimediaDevices = async () => {
    const found = { speakers: [], micros: [], webcams: [] };
    const places = { audiooutput: 'speakers', audioinput: 'micros', videoinput: 'webcams' };
    const devices = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
    for (const { deviceId, kind, label, groupId } of devices) {
      found[places[kind]].push({ deviceId, kind, label, groupId });
    }
    return found;
  };

  // A font is there if text in it is not as wide as in the generic font that stands in for it.
  const fonts = () => {
    const candidates = [
      'Arial', 'Arial Black', 'Calibri', 'Cambria', 'Comic Sans MS', 'Consolas', 'Courier New',
      'DejaVu Sans', 'Georgia', 'Helvetica', 'Helvetica Neue', 'Liberation Sans', 'Menlo',
      'Microsoft YaHei', 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Roboto', 'Segoe UI',
      'SimSun', 'Tahoma', 'Times New Roman', 'Ubuntu', 'Verdana',
    ];
    const pen = document.createElement('canvas').getContext('2d');
    const width = (family) => {
      pen.font = `72px ${family}`;
      return pen.measureText('mmmmmmmmmmlli').width;
    };
    return candidates.filter((name) =>
      ['monospace', 'serif', 'sans-serif'].some(
        (generic) => width(`'${name}', ${generic}`) !== width(generic),
      ),
    );
  };

  const { documentElement: root } = document;
  const vendorFlavors = ['chrome', 'safari', '__crWeb', '__gCrWeb', 'yandex'];
  return {
    screen: {
      availHeight: screen.availHeight,
      availWidth: screen.availWidth,
      availTop: screen.availTop,
      availLeft: screen.availLeft,
      colorDepth: screen.colorDepth,
      height: screen.height,
      pixelDepth: screen.pixelDepth,
      width: screen.width,
      devicePixelRatio: window.devicePixelRatio,
      pageXOffset: window.pageXOffset,
      pageYOffset: window.pageYOffset,
      innerHeight: window.innerHeight,
      outerHeight: window.outerHeight,
      outerWidth: window.outerWidth,
      innerWidth: window.innerWidth,
      screenX: window.screenX,
      clientWidth: root.clientWidth,
      clientHeight: root.clientHeight,
      hasHDR: window.matchMedia('(dynamic-range: high)').matches,
    },
    navigator: {
      userAgent: navigator.userAgent,
      userAgentData: await fromUserAgentData(),
      doNotTrack: navigator.doNotTrack || '',
      appCodeName: navigator.appCodeName,
      appName: navigator.appName,
      appVersion: navigator.appVersion,
      oscpu: navigator.oscpu || '',
      webdriver: '',
      language: navigator.language,
      languages: [...navigator.languages],
      platform: navigator.platform,
      deviceMemory: navigator.deviceMemory || null,
      hardwareConcurrency: navigator.hardwareConcurrency,
      product: navigator.product,
      productSub: navigator.productSub,
      vendor: navigator.vendor,
      vendorSub: navigator.vendorSub,
      maxTouchPoints: navigator.maxTouchPoints,
      extraProperties: {
        vendorFlavors: vendorFlavors.filter((name) => window[name] !== undefined),
        isBluetoothSupported: navigator.bluetooth !== undefined,
        globalPrivacyControl: navigator.globalPrivacyControl ?? null,
        pdfViewerEnabled: navigator.pdfViewerEnabled,
        installedApps: [],
      },
    },
    videoCodecs: playable(document.createElement('video'), {
      ogg: 'video/ogg; codecs="theora"',
      h264: 'video/mp4; codecs="avc1.42E01E"',
      webm: 'video/webm; codecs="vp8, vorbis"',
    }),
    audioCodecs: playable(document.createElement('audio'), {
      ogg: 'audio/ogg; codecs="vorbis"',
      mp3: 'audio/mpeg',
      wav: 'audio/wav; codecs="1"',
      m4a: 'audio/x-m4a;',
      aac: 'audio/aac',
    }),
    pluginsData: plugins(),
    battery: await battery(),
    videoCard: videoCard(),
    multimediaDevices: await multimediaDevices(),
    fonts: fonts(),
  };
}
