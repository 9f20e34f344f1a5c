// Everything that the page says, in two languages.

const EN = {
  other: "中文", clock: "Clock", simulated_time: "simulated time", pause: "Pause", resume: "Go on", speed: "Speed",
  timeline: "Story", meters: "Meters", filter: "Filter by meter, point, port…", meter: "Meter", state: "State",
  active_power: "Active power", trend: "Trend", voltage: "Voltage", current: "Current", energy: "Energy import",
  switch: "Switch", by_hand: "By hand", events: "What happened", begin_something: "Begin something now", kind: "Kind", whom: "Of",
  this_meter: "this meter", whole_port: "every meter on its port", for: "For, s", no_end: "no end",
  only_some: "Only some requests", functions: "Function codes", registers: "Registers, from-to", share_of_requests: "Share of requests",
  begin: "Begin", close: "Close", end: "End", more: "More…", is_running: "running", is_energised: "voltage, no load",
  is_dead: "no voltage", no_answer: "no answer", sealed: "sealed", permitted: "permitted", unit: "unit", nothing: "nothing",
  lost: "The simulator does not answer; it may have ended.", refused_token: "The token is missing or wrong: open the link that the simulator printed.",
  over: "story is over", trouble: "fault", evasion: "evasion", hand: "by hand",
  clock_held: "clock held", clock_goes_on: "clock goes on", clock_speed: "clock at another speed", clock_skips: "clock moved on",
  run: "run", stop: "stop", energise: "energise", cut: "cut", set: "set",
  Run: "Run", Stop: "Stop", Energise: "Energise", Cut: "Cut",
  code: "Exception code", delay_ms: "Delay, ms", gap_ms: "Gap between bytes, ms", bytes: "Bytes", shift: "Registers",
  fill: "Word to show", after: "After requests", boot: "Boot time, s", new_unit: "Unit afterwards",
  faults: "Faults", evasions: "Evasions", show_value: "What it shows", quantity: "Quantity", value: "Value, SI unit",
  share: "Share of the current", phases: "Phases", ct: "CT ratio", pt: "PT ratio", set_back: "Set back by, Wh",
  register: "Register, Wh", since: "Shown from, s", length: "Length, s", serial: "Serial number", power: "Power, W",
  droop: "Droop, share", wander: "Wander, Hz", seconds: "Seconds",
};

const ZH = {
  other: "English", clock: "时钟", simulated_time: "模拟时间", pause: "暂停", resume: "继续", speed: "倍速",
  timeline: "剧情", meters: "电表", filter: "按电表、测点、端口筛选…", meter: "电表", state: "状态",
  active_power: "有功功率", trend: "趋势", voltage: "电压", current: "电流", energy: "正向电能",
  switch: "操作", by_hand: "手动操作", events: "已发生", begin_something: "立即开始", kind: "类型", whom: "对象",
  this_meter: "本表", whole_port: "该端口上所有电表", for: "持续（秒）", no_end: "不结束",
  only_some: "仅部分请求", functions: "功能码", registers: "寄存器 起-止", share_of_requests: "请求比例",
  begin: "开始", close: "关闭", end: "结束", more: "更多…", is_running: "运行中", is_energised: "有电压、无负荷",
  is_dead: "无电压", no_answer: "无应答", sealed: "已封停", permitted: "允许生产", unit: "单元", nothing: "无",
  lost: "模拟器没有应答，可能已经结束。", refused_token: "令牌缺失或错误：请打开模拟器打印的链接。",
  over: "剧情已结束", trouble: "故障", evasion: "规避", hand: "手动",
  run: "运行", stop: "停机", energise: "送电", cut: "断电", set: "改示值",
  Run: "运行", Stop: "停机", Energise: "送电", Cut: "断电",
  code: "异常码", delay_ms: "延迟（毫秒）", gap_ms: "字节间隔（毫秒）", bytes: "字节数", shift: "寄存器数",
  fill: "显示的字", after: "请求次数后", boot: "启动时间（秒）", new_unit: "重启后单元",
  faults: "故障", evasions: "规避手段", show_value: "示值", quantity: "量", value: "数值（国际单位）",
  share: "电流比例", phases: "相", ct: "CT 变比", pt: "PT 变比", set_back: "倒回（Wh）",
  register: "表底（Wh）", since: "重放起点（秒）", length: "长度（秒）", serial: "表号", power: "功率（W）",
  droop: "调差率", wander: "频率漂移（Hz）", seconds: "秒",
  ct_bypass: "CT 分流", ct_reversed: "CT 反接", phase_dropped: "断相", ratio_changed: "改变比", rollback: "倒表",
  frozen: "数据冻结", replayed: "数据重放", meter_swapped: "换表", genset: "柴油发电机", clock_shifted: "改时钟",
  silence: "不应答", exception: "异常应答", delay: "延迟", split: "拆开发送", truncated: "截断", extra: "多余字节",
  garbage: "乱码", wrong_unit: "单元号错误", wrong_transaction: "事务号错误", bad_crc: "CRC 错误", collision: "总线冲突",
  stuck: "寄存器冻结", shifted: "寄存器错位", swapped: "字序颠倒", nan: "非数值", reboot: "重启", refused: "拒绝连接",
  half_open: "半开连接", drop: "断开连接",
  scenario_begins: "剧情开始", scenario_ends: "剧情结束", begins: "开始", ends: "结束", melt: "熔炼", tap: "出炉",
  clock_held: "时钟暂停", clock_goes_on: "时钟继续", clock_speed: "改变倍速", clock_skips: "时钟快进",
  furnace_off: "炉子停止", motor_starts: "电机启动",
};

const WORDS = { en: EN, zh: ZH };

export let language = localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en");

export function turn() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("language", language);
}

/** A word of the page; kinds of events and faults that have none are shown as the scenario writes them. */
export function say(word) {
  return WORDS[language][word] ?? EN[word] ?? word.replaceAll("_", " ");
}

/** An event of the truth, such as `run_begins`. */
export function sayEvent(event) {
  const edge = event.match(/^(.*)_(begins|ends)$/);
  return edge && !(event in WORDS[language]) ? `${say(edge[1])} ${say(edge[2])}` : say(event);
}
